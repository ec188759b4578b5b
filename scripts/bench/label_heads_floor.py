"""What a step of a head of labels is made of: its floor, and what is left for training seeds together to save."""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from heads.inputs.samples import Samples
from heads.learning.optimiser import Optimiser
from heads.learning.step import Step
from scripts.bench.heads_runs import Run, alternately, milliseconds, verdict
from scripts.bench.label_heads_runs import Setting, steps_run

FLOOR_GOAL, TOGETHER_GOAL = 1.8, 1.3
REPEATS = 5
"""Of the runs whose parts are timed, in each round, where one seed is trained: they are short."""
MATRICES = 64
"""At most, of 4 MB: more than a processor's cache holds."""
PRODUCTS = {"bmm", "baddbmm", "mm", "addmm", "convolution", "convolution_backward"}


def work(one: Setting, data: Samples, seeds: int) -> dict[str, int]:
    """flops of a step, its weights, and the bytes that its optimiser and its inputs move."""
    head = one.head(range(seeds), data)
    optimiser = Optimiser(head, one.recipe.lr, one.recipe.optimiser_rule())
    places = torch.arange(one.recipe.batch).expand(seeds, -1)
    with FlopCounterMode(display=False) as counted, optimiser:
        Step(head, data, optimiser)(places)
    weights = seeds * head.parameter_count()
    row = sum(int(np.prod(shape)) for shape in one.inputs.values())
    moved = 2 * 4 * weights * (1 + optimiser.rule.memories)
    inputs = 2 * 4 * row * one.recipe.batch * seeds
    return {"flops": counted.get_total_flops(), "weights": weights, "optimiser": moved, "inputs": inputs}


def rates(batch: int, count: int, width: int = 1024) -> dict[str, Run]:
    """``products``: of ``batch`` rows, forward over all ``count`` weights, then to their inputs and to themselves, so
    that each is read from memory as in a step. ``traffic``: a read and a write of 128 MB. Each once."""
    x, gradient, weights = torch.randn(batch, width), torch.randn(batch, width), torch.randn(count, width, width)
    big = torch.full((2**25,), 1e-3)
    out, back, change = torch.empty(batch, width), torch.empty(width, batch), torch.empty(width, width)

    def products() -> None:
        for weight in weights:
            torch.mm(x, weight, out=out)
        for weight in weights:
            torch.mm(weight, gradient.T, out=back)
            torch.mm(x.T, gradient, out=change)

    def traffic() -> None:
        big.mul_(1.0)

    return {"products": products, "traffic": traffic}


def over_floor(one: Setting, data: Samples, rounds: int) -> dict[str, Any]:
    """One seed's step and that of all seeds together over their floors."""
    found: dict[str, Any] = {}
    batch, width = one.rows, 1024
    for seeds in (1, one.seeds):
        need = work(one, data, seeds)
        count = max(1, min(MATRICES, need["weights"] // width**2))
        seconds = alternately({"step": steps_run(one, data, range(seeds)), **rates(batch, count, width)}, rounds)
        done, moved = count * 3 * 2 * batch * width**2, 2 * 4 * 2**25
        floor = [
            need["flops"] * a / done + (need["optimiser"] + need["inputs"]) * b / moved
            for a, b in zip(seconds["products"], seconds["traffic"], strict=True)
        ]
        steps = [each / one.steps for each in seconds["step"]]
        about: dict[str, Any] = {
            "gflop": round(need["flops"] / 1e9, 3),
            "optimiser_mbytes": round(need["optimiser"] / 1e6, 1),
        }
        about |= {"inputs_mbytes": round(need["inputs"] / 1e6, 1), "step_ms": milliseconds(steps, 1)}
        name = "one_seed" if seeds == 1 else "seeds_together"
        found[name] = about | {"floor_ms": milliseconds(floor, 1)} | verdict(steps, floor, FLOOR_GOAL, most=True)
    return found


class Clock(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """seconds: by the name of torch's operation, while it is entered; operations on a CPU end before they return."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seconds: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run and time it."""
        started = time.perf_counter()
        made = func(*args, **(kwargs or {}))
        self.seconds[func.overloadpacket.__name__] += time.perf_counter() - started  # type: ignore[assignment]
        return made


class Limit:
    """What training S seeds together can save at most. Every seed has weights and batches of its own, so products,
    optimiser and reading are needed for each, however they are joined (``own``, measured in steps of all seeds
    together); only the rest of a seed's step can be shared, which is then done once.

    runs: to be timed in turn with what the limit is told beside, so that they see the same machine.
    """

    def __init__(self, one: Setting, data: Samples, alone: Run, together: Run) -> None:
        """alone, together: steps of one seed and of all, ``steps_run``."""
        self.one = one
        self.alone: list[dict[str, float]] = []
        self.together: list[dict[str, float]] = []
        self.runs: dict[str, Run] = {
            "parts_of_one": _measuring(one, data, 1, alone, self.alone),
            "parts_of_all": _measuring(one, data, one.seeds, together, self.together),
        }

    def told(self) -> dict[str, Any]:
        """The medians of the rounds but the first, in which memory is asked for."""
        rounds = list(zip(self.alone[1:], self.together[1:], strict=True))
        most = [
            self.one.seeds * alone["step"] / (together["own"] + max(alone["step"] - alone["own"], 0))
            for alone, together in rounds
        ]
        seconds = {
            "step": [alone["step"] for alone, _ in rounds],
            "own": [alone["own"] for alone, _ in rounds],
            "own_of_all_seeds": [together["own"] for _, together in rounds],
        }
        return {
            f"{name}_ms": round(1e3 * statistics.median(each) / self.one.steps, 1) for name, each in seconds.items()
        } | {
            "most_together_could_give": round(statistics.median(most), 2),
            "allows_the_goal": statistics.median(most) >= TOGETHER_GOAL,
        }


def _measuring(one: Setting, data: Samples, seeds: int, run: Run, into: list[dict[str, float]]) -> Run:
    """Seconds of ``run``, of so many ``seeds``, and of what none of them can share. No method, which would keep its
    object, and all models with it, until garbage is collected."""

    def measure() -> None:
        parts = [(*_parts(run), _reading(one, data, seeds)) for _ in range(max(1, REPEATS // seeds))]
        step, *own = (statistics.median(part[place] for part in parts) for place in range(4))
        into.append({"step": step, "own": sum(own)})

    return measure


def _parts(run: Callable[[], None]) -> tuple[float, float, float]:
    """Seconds of a run, and of the products and the optimiser in the same run again."""
    started = time.perf_counter()
    run()
    whole = time.perf_counter() - started
    with Clock() as clock:
        run()
    products = sum(clock.seconds[name] for name in PRODUCTS)
    return whole, products, sum(value for name, value in clock.seconds.items() if name.startswith("_fused_"))


def _reading(one: Setting, data: Samples, seeds: int) -> float:
    """Seconds in which the batches of a run are read."""
    draw = torch.Generator().manual_seed(1)
    places = torch.randint(len(data), (one.steps, seeds, one.recipe.batch), generator=draw)
    started = time.perf_counter()
    for batch in places:
        data.batch(batch)
    return time.perf_counter() - started
