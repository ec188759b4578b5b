"""How quick a training step could be: its arithmetic and the optimiser's memory traffic at this machine's own rates."""

from typing import Any

import torch

from heads.blocks.layers import Linear
from heads.head import Head
from scripts.bench.heads_runs import Run, head_of

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


def runs(seeds: int) -> dict[str, Run]:
    """``products``: of 32 rows, the three kinds of a step, over as many weights as ``seeds`` models have. ``traffic``:
    a read and a write of the same weights and of as many squares.

    Both on one memory, and in this order, as in a step: weights that one thread wrote and both have read cost more to
    write again than memory that nobody else touched, most of all where the cores do not share a cache.
    """
    count = _matrices(seeds)
    values = torch.full((2 * count, WIDTH, WIDTH), 1e-3)
    x, gradient = torch.randn(ROWS, WIDTH), torch.randn(ROWS, WIDTH)
    forward, back, change = torch.empty(ROWS, WIDTH), torch.empty(ROWS, WIDTH), torch.empty(WIDTH, WIDTH)

    def products() -> None:
        for weight in values[:count]:
            torch.mm(x, weight, out=forward)
        for weight in values[:count]:
            torch.mm(gradient, weight.T, out=back)
            torch.mm(x.T, gradient, out=change)

    def traffic() -> None:
        values.mul_(1.0)

    return {"products": products, "traffic": traffic}


def _matrices(seeds: int) -> int:
    return seeds * weights(head_of([0])[0]) // WIDTH**2


def floor(seeds: int, products: list[float], traffic: list[float]) -> tuple[list[float], dict[str, Any]]:
    """Seconds of a step in each round, from the rounds' rates; and the numbers that it is made of."""
    head, _ = head_of([0])
    arithmetic, moved = seeds * flops(head), seeds * WEIGHT_BYTES * weights(head)
    numbers = _matrices(seeds) * WIDTH**2
    done, bytes_ = 3 * 2 * ROWS * numbers, WEIGHT_BYTES * numbers
    seconds = [arithmetic / (done / a) + moved / (bytes_ / b) for a, b in zip(products, traffic, strict=True)]
    about = {
        "mflop": round(arithmetic / 1e6, 1),
        "optimiser_mbytes": round(moved / 1e6, 1),
        "gflop_per_s": round(done / min(products) / 1e9, 1),
        "gbyte_per_s": round(bytes_ / min(traffic) / 1e9, 1),
    }
    return seconds, about
