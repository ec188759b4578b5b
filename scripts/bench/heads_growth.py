"""How training grows with people, seeds, dimensions and settings; a whole grid; memory."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache import config, plugins
from heads.experiments.grid import read_grid
from heads.head import CLASS, ROW
from heads.inputs.samples import Samples
from heads.learning import sampling
from heads.learning.optimiser import Optimiser
from heads.learning.step import Step
from heads.learning.together import train_together
from heads.learning.train import Validation
from heads.learning.training import Recipe, recipe
from heads.task import Task
from scripts.bench.heads_runs import (
    CLASSES,
    HEAD,
    PEOPLE,
    WIDTHS,
    Run,
    alternately,
    head_of,
    head_run,
    in_turn,
    labels_of,
    milliseconds,
    protocol,
    samples,
)

SEEDS, EPOCHS, COLUMNS, TRAININGS = 5, 12, 8, 7
"""Of the grid affect_dml. TRAININGS: of a head for its columns, two of which share their training people."""
VALIDATION, TEST = 3_315, 12_134
"""People: EMOTIC's validation part, and the published test list."""
SCENE = {"scene/pooled": 512}
RULES = Path(__file__).with_name("rules.toml")


def by_seeds(data: Samples, rounds: int) -> list[dict[str, Any]]:
    """A step of 1, 2, 5, 10 and 20 models in one."""
    runs = {str(count): head_run(data, range(count), steps=10) for count in (1, 2, 5, 10, 20)}
    found = alternately(runs, rounds)
    return [{"seeds": int(count), "step_ms": milliseconds(row, 10)} for count, row in found.items()]


def by_dimensions(rounds: int) -> list[dict[str, Any]]:
    """A step of five seeds on wider features of image and body."""
    wide = (256, 512, 1024, 2048)
    runs = {}
    for width in wide:
        data = samples(4_000, WIDTHS | {"image/pooled": width, "body/pooled": width})
        runs[str(width)] = head_run(data, range(SEEDS), steps=10)
    found = alternately(runs, rounds)
    return [{"dimensions": int(width), "step_ms": milliseconds(row, 10)} for width, row in found.items()]


def by_people() -> list[dict[str, Any]]:
    """A whole epoch of one seed."""
    found = []
    for people in (2_500, 5_000, 10_000, PEOPLE):
        data = samples(people)
        head, settings = head_of([0])
        optimiser = Optimiser(head, settings.lr)
        step = Step(head, data, optimiser)
        started = time.perf_counter()
        order = sampling.epoch(labels_of(data), settings.per_class, settings.batch, sampling.generator(0))
        with optimiser:
            for places in torch.as_tensor(order[:, None]):
                step(places)
        seconds = time.perf_counter() - started
        found.append({"people": people, "steps": len(order), "epoch_s": round(seconds, 3)})
    return found


def by_settings(data: Samples, rounds: int) -> dict[str, Any]:
    """Two settings of five seeds as one model of ten, over one after the other."""
    runs = {"together": head_run(data, range(2 * SEEDS), steps=10), "apart": head_run(data, range(SEEDS), steps=20)}
    found = alternately(runs, rounds)
    ratios = [a / b for a, b in zip(found["apart"], found["together"], strict=True)]
    return {"two_settings_apart_over_together": round(float(np.median(ratios)), 3)}


def by_rules(rounds: int) -> dict[str, Any]:
    """An epoch of five seeds that six rules of recognition judge, over six trainings with a rule each."""
    data = samples(5_000)
    known, kind = samples(VALIDATION), protocol()
    task = people(labels_of(known))
    head = plugins.load("heads.models", HEAD, "Model")
    rules = config.read_toml(RULES)["settings"]
    recipes = [recipe(head, type(kind), {"epochs": 1} | rule, "bench") for rule in rules]

    def run(*those: Recipe) -> Run:
        judged = [Validation(known, kind.validation(task, one), kind.asks) for one in those]
        course = (head, those, WIDTHS, {CLASS: CLASSES}, range(SEEDS), data, judged)
        return lambda: [*train_together(*course)].clear()

    found = alternately({"together": run(*recipes), "apart": in_turn([run(one) for one in recipes])}, rounds)
    ratios = [a / b for a, b in zip(found["apart"], found["together"], strict=True)]
    return {"rules": len(recipes), "people": len(data), "apart_over_together": round(float(np.median(ratios)), 2)}


def people(labels: NDArray[np.int64], test: bool = False) -> Task:
    """Made-up people as a task: of the classes that are learned for validation, of the others for test."""
    rows, none = np.arange(len(labels)), np.arange(0)
    names = tuple(map(str, range(2 * CLASSES)))
    targets = {CLASS: labels + CLASSES if test else labels}
    val, tested = (none, rows) if test else (rows, none)
    return Task("made-up", "", targets, {CLASS: CLASSES}, names, none, val, tested, images=rows, about={})


def scoring(size: int, widths: Mapping[str, int], test: bool = False) -> Validation:
    """The judging of made-up people at the protocol's own settings."""
    data, kind, chosen = samples(size, widths), protocol(), head_of([0])[1]
    task = people(labels_of(data), test)
    return Validation(data, kind.test(task, chosen) if test else kind.validation(task, chosen), kind.asks)


def grid(rounds: int) -> dict[str, Any]:
    """Every head, eight protocol columns, five seeds, at EMOTIC's size: from a sample of each head's steps and from one
    scoring of validation and of test. Scaled as if every column had all people and no seed stopped early; levels have
    fewer people, for only those of seen levels are trained on."""
    data = samples(PEOPLE, WIDTHS | SCENE)
    validation, test = scoring(VALIDATION, WIDTHS | SCENE), scoring(TEST, WIDTHS | SCENE, test=True)
    names = [name for name in read_grid("affect_dml").heads if name != "random"]
    seconds = alternately({name: head_run(data, range(SEEDS), name) for name in names}, rounds)
    rows, hours = {}, {"median": 0.0, "min": 0.0}
    for name in names:
        head, _ = head_of(range(SEEDS), name, WIDTHS | SCENE)
        scored = [_time(part, head) for part in (validation, test)]
        steps = milliseconds(seconds[name])
        training = {key: EPOCHS * (PEOPLE // 32 * one / 1e3 + scored[0]) for key, one in steps.items()}
        hours = {key: hours[key] + (TRAININGS * one + COLUMNS * scored[1]) / 3600 for key, one in training.items()}
        rows[name] = {
            "step_ms": steps,
            "scoring_s": [round(one, 2) for one in scored],
            "training_s": {key: round(one, 1) for key, one in training.items()},
        }
    sample = (
        f"{rounds} x 20 steps of each head and one scoring; scaled to {PEOPLE // 32} steps, {EPOCHS} epochs, "
        f"{TRAININGS} trainings and {COLUMNS} columns"
    )
    return {
        "heads": rows,
        "sample": sample,
        "hours": {key: round(one, 2) for key, one in hours.items()},
        "goal": 2.0,
        "met": hours["median"] <= 2.0,
    }


def _time(part: Validation, head: Any) -> float:
    mine = part._replace(samples=Samples({key: part.samples.features[key] for key in (*head.inputs, ROW)}))
    started = time.perf_counter()
    mine.trial.scores(mine.outputs(head, SEEDS))
    return time.perf_counter() - started


def memory() -> dict[str, Any]:
    """Peak resident memory of a process of its own that trains five seeds for a while and scores them."""
    command = [sys.executable, "-m", "scripts.bench.heads_growth"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _peak() -> float:
    """MiB. The kernel's own count of this program: ``getrusage`` goes on from the program that started it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def main() -> None:
    """The child of ``memory``."""
    before = _peak()
    data = samples()
    features = sum(x.nbytes for x in data.features.values()) / 2**20
    head_run(data, range(SEEDS))()
    trained = _peak()
    _time(scoring(TEST, WIDTHS | SCENE, test=True), head_of(range(SEEDS), HEAD)[0])
    print(
        json.dumps(
            {
                "libraries_mib": before,
                "features_mib": round(features, 1),
                "five_seeds_training_mib": trained,
                "and_scoring_mib": _peak(),
            }
        )
    )


if __name__ == "__main__":
    main()
