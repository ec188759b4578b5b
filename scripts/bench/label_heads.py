"""Heads of several labels on cached features: a step over its floor, seeds together, over the usual loop; their memory.

EMOTIC's size, features made up: 23,266 people, 26 labels, valence, arousal, dominance; each head with its published
settings (heads/configs), batch and optimiser. Floor: the FLOPs of one step, counted by torch's own counter, at the
rate of products of as many rows as the batch has (of a head that is convolutions, all its places), over as many
weights as the models have, and the bytes that the optimiser and the inputs move at the rate at which this machine
reads and writes; both measured in the same rounds. Usual: the same head for one seed with its equations as they stand
(a key for every object), fed item by item from HDF5 by a DataLoader's workers, torch's optimiser, one seed after the
other. What is compared takes turns, round by round; told are the medians of the rounds' ratios. Objects and maps lie
in shards of a store, as extraction leaves them. ``tail_layer4``, ``tail_stage4``: what a step costs that trains
ResNet-18's last block, or HRNet-W32's. Writes bench/label_heads.json. ``fusion abn tail_layer4``: only these, the
machine beside each; what else the file holds is kept. ``--as label_heads_two_cores``: into another file of bench/, of
another machine. ``--quick``: one round, nothing written.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cache import plugins
from heads.inputs.samples import Samples
from heads.inputs.stored import Stored
from scripts.bench.heads_runs import Run, alternately, in_turn, milliseconds, verdict
from scripts.bench.label_heads_floor import TOGETHER_GOAL, Limit, over_floor
from scripts.bench.label_heads_runs import (
    HEADS,
    SHAPES,
    TAILS,
    THREADS,
    Setting,
    samples_of,
    setting,
    steps_run,
    store_of,
    usual_run,
)
from scripts.bench.label_heads_targets import LABELS, PEOPLE
from scripts.bench.results import FOLDER, machine, record

ROUNDS = 7
USUAL_GOAL, MEMORY_GOAL = 3.0, 4.0


def over_others(one: Setting, data: Samples, folder: Path, rounds: int) -> dict[str, Any]:
    """All seeds together over one by one, and over the usual loop, which both repeat one seed's steps. ``arithmetic``:
    how much together could give at most."""
    together, alone = steps_run(one, data, range(one.seeds)), steps_run(one, data, [0])
    limit = Limit(one, data, alone, together)
    runs = {"together": together, "one_by_one": in_turn([alone] * one.seeds), **limit.runs}
    seconds = alternately(runs, rounds)  # no loader's workers beside these
    with usual_run(one, data, folder) as usual:
        ahead: Run = partial(time.sleep, 2.0)
        runs = {"together": together, "usual": in_turn([usual] * one.seeds), "loading_ahead": ahead}
        beside = alternately(runs, rounds)
    times = {name: seconds[name] for name in ("together", "one_by_one")} | {"usual": beside["usual"]}
    return {f"{name}_step_ms": milliseconds(row, one.steps) for name, row in times.items()} | {
        "together_over_one_by_one": verdict(seconds["one_by_one"], seconds["together"], TOGETHER_GOAL)
        | {"arithmetic": limit.told()},
        "over_the_usual_loop": verdict(beside["usual"], beside["together"], USUAL_GOAL),
    }


def tail(name: str, left: Mapping[str, Stored], rounds: int) -> dict[str, Any]:
    """A step of one seed of ``fusion`` that trains a network's last block, over that on the frozen one."""
    runs, settings = (
        {},
        dict(zip(("trained", "frozen"), (setting("fusion", each) for each in TAILS[name]), strict=True)),
    )
    for word, one in settings.items():
        runs[word] = steps_run(one, samples_of(one, left), [0])
    seconds = alternately(runs, rounds)
    steps = {word: [each / settings[word].steps for each in row] for word, row in seconds.items()}
    ratios = [a / b for a, b in zip(steps["trained"], steps["frozen"], strict=True)]
    told = {f"{word}_step_ms": milliseconds(row, 1) for word, row in steps.items()}
    return told | {"ratio": round(statistics.median(ratios), 1), "peak_gbytes": _peak()}


def _peak() -> float:
    """Memory of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


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


def main(named: Sequence[str] = (), quick: bool = False, file: str = "label_heads") -> None:
    """Everything, or the heads ``named``, on two threads of an idle machine (``load`` tells)."""
    before = os.getloadavg()[0]
    torch.set_num_threads(THREADS)
    rounds, known = 1 if quick else ROUNDS, set(plugins.names("heads.models"))
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = [setting(word) for word in HEADS if word in known and (not named or word in named)]
        tails = [word for word in TAILS if not named or word in named]
        reading = [*settings, *(setting("fusion", TAILS[word][0]) for word in tails)]
        arrays = {each for one in reading for each in one.model.arrays_of(one.recipe) if len(SHAPES[each]) > 1}
        left = store_of(folder / "store", sorted(arrays))
        for one in settings:
            data = samples_of(one, left)
            result[one.name] = {"batch": one.recipe.batch, "optimiser": one.recipe.optimiser, "seeds": one.seeds}
            result[one.name] |= {"over_the_floor": over_floor(one, data, rounds)}
            result[one.name] |= over_others(one, data, folder, rounds)
            print(f"{one.name}: {json.dumps(result[one.name])}", file=sys.stderr, flush=True)
        peak = _peak()
        result |= {word: tail(word, left, rounds) for word in tails}
        result["random_rows_of_the_memory_map"] = {each: random_rows(left, each) for each in sorted(arrays)}
    result["memory"] = {"peak_gbytes": peak, "goal": MEMORY_GOAL, "met": peak <= MEMORY_GOAL}
    load = {"start": round(before, 2), "end": round(os.getloadavg()[0], 2), "benchmark_itself": THREADS}
    about = {"load": load, "people": PEOPLE, "labels": LABELS, "threads": THREADS}
    if quick:
        print(json.dumps(result, indent=2))
    elif named:
        place = FOLDER / f"{file}.json"
        kept = json.loads(place.read_text()) if place.exists() else about
        timed = [*(one.name for one in settings), *tails]
        record(file, kept | {word: result[word] | {"load": load} | machine() for word in timed})
    else:
        record(file, result | about | machine())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.label_heads", description="Heads of several labels.")
    parser.add_argument("named", nargs="*", choices=[*HEADS, *TAILS, []], metavar="HEAD", help="only these (all)")
    parser.add_argument("--quick", action="store_true", help="one round, nothing written")
    parser.add_argument("--as", dest="file", default="label_heads", metavar="FILE", help="of bench/ (label_heads)")
    return parser


if __name__ == "__main__":
    main(**vars(_parser().parse_args()))
