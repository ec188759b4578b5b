"""Heads on cached features: a step over its floor, over end-to-end training, and over the usual loops; a whole grid.

EMOTIC's size, features made up: 23,266 people; 512 + 512 + 150 numbers each; ``sem_ib_dml``, batches of 32. What is
compared takes turns within one process, round by round; told are the median of the rounds' ratios and, because others
may use the same cores, the ratio of the quickest rounds. Writes bench/heads.json.

Floor: the head's FLOPs at the rate of 32-row products, and the optimiser's memory traffic at the rate at which this
machine reads and writes, both measured in the same rounds. End to end: the same head behind two torchvision ResNet-18
at 256 x 256, forward, backward and RMSprop over all weights (Sem2Vec stays given: the paper's segmentation network is
frozen too). Usual: plain torch layers, torch.optim.RMSprop, miner and loss of pytorch-metric-learning, one seed after
the other; once on tensors in memory, once by that library's own trainer with a DataLoader's workers that read HDF5 item
by item.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from heads.inputs.samples import Samples
from scripts.bench import heads_growth as growth
from scripts.bench.heads_floor import floor
from scripts.bench.heads_floor import runs as floor_runs
from scripts.bench.heads_runs import (
    HEAD,
    PEOPLE,
    STEPS,
    WIDTHS,
    alternately,
    end_to_end_run,
    head_run,
    in_turn,
    milliseconds,
    samples,
    verdict,
)
from scripts.bench.heads_usual import memory_run, trainer_run, write
from scripts.bench.results import machine, record

THREADS, SEEDS = 2, 5
FLOOR_GOAL, END_TO_END_GOAL, TOGETHER_GOAL, USUAL_GOAL = 1.6, 500.0, 1.5, 3.0


def over_floor(data: Samples, rounds: int) -> dict[str, Any]:
    """One seed's step and five seeds' step over their floors."""
    found = {}
    for seeds in (1, SEEDS):
        seconds = alternately({"step": head_run(data, range(seeds)), **floor_runs(seeds)}, rounds)
        least, about = floor(seeds, seconds["products"], seconds["traffic"])
        steps = [one / STEPS for one in seconds["step"]]
        name = "one_seed" if seeds == 1 else "five_seeds"
        found[name] = {"step_ms": milliseconds(steps, 1), "floor_ms": milliseconds(least, 1), **about}
        found[name] |= verdict(steps, least, FLOOR_GOAL, most=True)
    return found


def over_usual(data: Samples, rounds: int) -> dict[str, Any]:
    """Five seeds together, over five of our own one-seed models and over the two usual loops."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.h5"
        write(path, data)
        with trainer_run(path, data) as trainer:
            seconds = alternately(
                {
                    "trainer": in_turn([trainer] * SEEDS),
                    "together": head_run(data, range(SEEDS)),
                    "one_by_one": in_turn([head_run(data, [seed]) for seed in range(SEEDS)]),
                    "in_memory": in_turn([memory_run(data, seed) for seed in range(SEEDS)]),
                },
                rounds,
            )
    return {f"{name}_step_ms": milliseconds(row) for name, row in seconds.items()} | {
        "over_our_one_seed_model": verdict(seconds["one_by_one"], seconds["together"], TOGETHER_GOAL),
        "over_the_usual_model_in_memory": verdict(seconds["in_memory"], seconds["together"], TOGETHER_GOAL),
        "over_the_usual_loop": verdict(seconds["trainer"], seconds["together"], USUAL_GOAL),
    }


def over_end_to_end(data: Samples, rounds: int) -> dict[str, Any]:
    """A step on pixels over a step on features."""
    seconds = alternately({"cached": head_run(data, [0]), "pixels": end_to_end_run()}, rounds)
    cached = [one / STEPS for one in seconds["cached"]]
    return {
        "cached_step_ms": milliseconds(cached, 1),
        "end_to_end_step_ms": milliseconds(seconds["pixels"], 1),
    } | verdict(seconds["pixels"], cached, END_TO_END_GOAL)


def main(quick: bool = False) -> None:
    """Everything on two threads of an idle machine (``load`` tells). quick: one round, nothing written."""
    before = os.getloadavg()[0]
    torch.set_num_threads(THREADS)
    data = samples()
    many, few = (1, 1) if quick else (15, 5)
    result = {
        "over_the_floor": over_floor(data, many),
        "five_seeds_together": over_usual(data, many if quick else 9),
        "cached_over_end_to_end": over_end_to_end(data, 1 if quick else 3),
        "grid": growth.grid(few),
        "growth": {
            "seeds": growth.by_seeds(data, few),
            "dimensions": growth.by_dimensions(few),
            "people": growth.by_people(),
            "settings": growth.by_settings(data, few),
            "rules": growth.by_rules(1 if quick else 3),
        },
        "memory": growth.memory(),
    }
    load = {"start": round(before, 2), "end": round(os.getloadavg()[0], 2), "benchmark_itself": THREADS}
    about = {
        "load": load,
        "head": HEAD,
        "people": PEOPLE,
        "widths": WIDTHS,
        "batch": 32,
        "steps": STEPS,
        "threads": THREADS,
    }
    if quick:
        print(json.dumps(result, indent=2))
    else:
        record("heads", result | about | machine())


if __name__ == "__main__":
    main("--quick" in sys.argv)
