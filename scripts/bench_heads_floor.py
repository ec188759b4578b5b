"""How quick a training step could be: its arithmetic and the optimiser's memory traffic at this machine's own rates."""

from typing import Any

import torch

from heads.head import Head
from heads.layers import Linear
from scripts.bench_heads_runs import Run, head_of

ROWS, WIDTH, WEIGHT_BYTES = 32, 512, 16
"""Of a product; of a weight in a step: it and its square are read and written, the gradient may stay in the cache."""


def flops(head: Head, batch: int = ROWS) -> int:
    """Of the matrix products of one step of one seed: forward, to the weights, and to the inputs but for those layers
    that read the features themselves."""
    layers = {name: layer for name, layer in head.named_modules() if isinstance(layer, Linear)}
    first = [name for name in layers if ".streams." in name and not name.endswith("second")]
    return sum(2 * batch * layer.weight[0].numel() * (2 if name in first else 3) for name, layer in layers.items())


def weights(head: Head) -> int:
    """Trainable numbers of one seed."""
    return head.parameter_count()


def products_run(seeds: int) -> tuple[Run, int]:
    """Products of 32 rows, the three kinds of a step, over as many weights as ``seeds`` models have; their FLOPs."""
    count = seeds * weights(head_of([0])[0]) // WIDTH**2
    ring = [torch.randn(WIDTH, WIDTH) for _ in range(count)]
    x, gradient = torch.randn(ROWS, WIDTH), torch.randn(ROWS, WIDTH)
    forward, back, change = torch.empty(ROWS, WIDTH), torch.empty(ROWS, WIDTH), torch.empty(WIDTH, WIDTH)

    def run() -> None:
        for weight in ring:
            torch.mm(x, weight, out=forward)
        for weight in ring:
            torch.mm(gradient, weight.T, out=back)
            torch.mm(x.T, gradient, out=change)

    return run, 3 * 2 * ROWS * WIDTH**2 * count


def traffic_run(seeds: int) -> tuple[Run, int]:
    """Reads and writes as much memory as the weights and squares of ``seeds`` models take; and the bytes moved."""
    count = seeds * weights(head_of([0])[0])
    values = torch.ones(2 * count)

    def run() -> None:
        values.mul_(1.0)

    return run, WEIGHT_BYTES * count


def floor(seeds: int, products: list[float], traffic: list[float]) -> tuple[list[float], dict[str, Any]]:
    """Seconds of a step in each round, from the rounds' rates; and the numbers that it is made of."""
    head, _ = head_of([0])
    arithmetic, moved = seeds * flops(head), seeds * WEIGHT_BYTES * weights(head)
    done, bytes_ = products_run(seeds)[1], traffic_run(seeds)[1]
    seconds = [arithmetic / (done / a) + moved / (bytes_ / b) for a, b in zip(products, traffic, strict=True)]
    about = {
        "mflop": round(arithmetic / 1e6, 1),
        "optimiser_mbytes": round(moved / 1e6, 1),
        "gflop_per_s": round(done / min(products) / 1e9, 1),
        "gbyte_per_s": round(bytes_ / min(traffic) / 1e9, 1),
    }
    return seconds, about
