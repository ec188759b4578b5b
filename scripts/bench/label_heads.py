"""Heads of several labels on cached features: a step over its floor, seeds together, over the usual loop; their memory.

EMOTIC's size, features made up: 23,266 people, 26 labels, valence, arousal, dominance; each head with its published
settings (heads/configs), batch and optimiser. Floor: the FLOPs of one step, counted by torch's own counter, at the rate
of products of as many rows as the batch has, and the bytes that the optimiser and the inputs move at the rate at which
this machine reads and writes; both measured in the same rounds. Usual: the same head for one seed, fed item by item
from HDF5 by a DataLoader's workers, torch's optimiser, one seed after the other. What is compared takes turns, round by
round; told are the medians of the rounds' ratios. Objects and maps lie in shards of a store, as extraction leaves them.
Writes bench/label_heads.json. ``fusion abn``: only these heads (``relational`` takes a quarter of an hour).
``--quick``: one round, nothing written.
"""

import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from cache import plugins
from heads.inputs.samples import Samples
from heads.inputs.stored import Stored
from heads.learning.optimiser import Optimiser
from heads.learning.step import Step
from scripts.bench.heads_runs import Run, alternately, in_turn, milliseconds, verdict
from scripts.bench.label_heads_runs import (
    HEADS,
    LABELS,
    PEOPLE,
    SEEDS,
    SHAPES,
    STEPS,
    THREADS,
    Setting,
    samples_of,
    setting,
    steps_run,
    store_of,
    usual_run,
)
from scripts.bench.results import machine, record

ROUNDS = 3
FLOOR_GOAL, TOGETHER_GOAL, USUAL_GOAL, MEMORY_GOAL = 1.8, 1.3, 3.0, 4.0


def work(one: Setting, data: Samples, seeds: int) -> dict[str, float]:
    """flops of a step, and the bytes that its optimiser and its inputs move."""
    head = one.head(range(seeds), data)
    optimiser = Optimiser(head, one.recipe.lr, one.recipe.optimiser_rule())
    places = torch.arange(one.recipe.batch).expand(seeds, -1)
    with FlopCounterMode(display=False) as counted, optimiser:
        Step(head, data, optimiser)(places)
    weights = seeds * head.parameter_count()
    row = sum(int(np.prod(shape)) for shape in one.inputs.values())
    moved = 2 * 4 * weights * (1 + optimiser.rule.memories)
    return {"flops": counted.get_total_flops(), "optimiser": moved, "inputs": 2 * 4 * row * one.recipe.batch * seeds}


def rates(batch: int, width: int = 1024) -> dict[str, Run]:
    """``products``: of ``batch`` rows, forward, to the weights and to the inputs. ``traffic``: a read and a write of
    128 MB. Each once."""
    x, gradient, weight = torch.randn(batch, width), torch.randn(batch, width), torch.randn(width, width)
    big = torch.full((2**25,), 1e-3)
    out, change = torch.empty(batch, width), torch.empty(width, width)

    def products() -> None:
        for _ in range(8):
            torch.mm(x, weight, out=out)
            torch.mm(gradient, weight.T, out=out)
            torch.mm(x.T, gradient, out=change)

    def traffic() -> None:
        big.mul_(1.0)

    return {"products": products, "traffic": traffic}


def over_floor(one: Setting, data: Samples, rounds: int) -> dict[str, Any]:
    """One seed's step and SEEDS' step over their floors."""
    found: dict[str, Any] = {}
    batch, width = one.recipe.batch, 1024
    for seeds in (1, SEEDS):
        runs = {"step": steps_run(one, data, range(seeds)), **rates(batch, width)}
        seconds, need = alternately(runs, rounds), work(one, data, seeds)
        done, moved = 8 * 3 * 2 * batch * width**2, 2 * 4 * 2**25
        floor = [
            need["flops"] * a / done + (need["optimiser"] + need["inputs"]) * b / moved
            for a, b in zip(seconds["products"], seconds["traffic"], strict=True)
        ]
        steps = [each / STEPS for each in seconds["step"]]
        about: dict[str, Any] = {
            "gflop": round(need["flops"] / 1e9, 3),
            "optimiser_mbytes": round(need["optimiser"] / 1e6, 1),
        }
        about |= {"inputs_mbytes": round(need["inputs"] / 1e6, 1), "step_ms": milliseconds(steps, 1)}
        name = "one_seed" if seeds == 1 else "five_seeds"
        found[name] = about | {"floor_ms": milliseconds(floor, 1)} | verdict(steps, floor, FLOOR_GOAL, most=True)
    return found


def over_others(one: Setting, data: Samples, folder: Path, rounds: int) -> dict[str, Any]:
    """SEEDS together over one by one, and over the usual loop."""
    with usual_run(one, data, folder) as usual:
        seconds = alternately(
            {
                "together": steps_run(one, data, range(SEEDS)),
                "one_by_one": in_turn([steps_run(one, data, [seed]) for seed in range(SEEDS)]),
                "usual": in_turn([usual] * SEEDS),
            },
            rounds,
        )
    return {f"{name}_step_ms": milliseconds(row, STEPS) for name, row in seconds.items()} | {
        "together_over_one_by_one": verdict(seconds["one_by_one"], seconds["together"], TOGETHER_GOAL),
        "over_the_usual_loop": verdict(seconds["usual"], seconds["together"], USUAL_GOAL),
    }


def random_rows(left: Mapping[str, Stored], name: str, count: int = 1000) -> dict[str, int]:
    """Rows a second out of the memory map, in any order, once they are in the page cache."""
    draw, rows = np.random.default_rng(2), left[name]
    seconds = []
    for _ in range(5):
        places = torch.as_tensor(draw.integers(0, len(rows), count))
        started = time.perf_counter()
        rows.index_select(0, places)
        seconds.append(time.perf_counter() - started)
    rate = count / statistics.median(seconds)
    size = int(np.prod(rows.shape[1:])) * 2
    return {"rows_per_second": round(rate), "mbytes_per_second": round(rate * size / 1e6), "bytes_per_row": size}


def main(named: Sequence[str] = (), quick: bool = False) -> None:
    """Everything, or the heads ``named``, on two threads of an idle machine (``load`` tells)."""
    before = os.getloadavg()[0]
    torch.set_num_threads(THREADS)
    rounds, known = 1 if quick else ROUNDS, set(plugins.names("heads.models"))
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = [setting(word) for word in HEADS if word in known and (not named or word in named)]
        arrays = {each for one in settings for each in one.model.arrays_of(one.recipe) if len(SHAPES[each]) > 1}
        left = store_of(folder / "store", sorted(arrays))
        for one in settings:
            data = samples_of(one, left)
            result[one.name] = {"batch": one.recipe.batch, "optimiser": one.recipe.optimiser}
            result[one.name] |= {"over_the_floor": over_floor(one, data, rounds)}
            result[one.name] |= over_others(one, data, folder, rounds)
            print(f"{one.name}: {json.dumps(result[one.name])}", file=sys.stderr, flush=True)
        result["random_rows_of_the_memory_map"] = {each: random_rows(left, each) for each in sorted(arrays)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result["memory"] = {"peak_gbytes": round(peak, 2), "goal": MEMORY_GOAL, "met": peak <= MEMORY_GOAL}
    load = {"start": round(before, 2), "end": round(os.getloadavg()[0], 2), "benchmark_itself": THREADS}
    about = {"load": load, "people": PEOPLE, "labels": LABELS, "steps": STEPS, "threads": THREADS, "seeds": SEEDS}
    if quick:
        print(json.dumps(result, indent=2))
    else:
        record("label_heads", result | about | machine())


if __name__ == "__main__":
    main([word for word in sys.argv[1:] if word != "--quick"], "--quick" in sys.argv)
