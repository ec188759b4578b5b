"""One cell of a table: a head under a protocol, trained, chosen on validation, scored on test."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache import plugins
from cache.manifest import Manifest
from cache.store import Feature, Store
from heads import checkpoint, standardise
from heads.episodes import Counts, draw_support
from heads.evaluation import Samples, Trial
from heads.features import Split, device, load_split
from heads.head import Head
from heads.interval import summary
from heads.metrics import accuracy, macro_accuracy
from heads.prediction import gallery
from heads.protocols import one_shot
from heads.standardise import Scale
from heads.task import Task
from heads.train import Best, Epoch, ignore, train
from heads.training import Recipe

VALIDATION_DRAWS, TEST_DRAWS = 1, 0
"""Seeds of the support draws; the same for every head, so that two heads can be compared episode by episode."""


@dataclass(frozen=True)
class Cell:
    """What to train: a head's name, its settings, and the name its checkpoint gets."""

    head: str
    recipe: Recipe
    name: str

    @property
    def model(self) -> type[Head]:
        """The head's class."""
        model: type[Head] = plugins.load("heads.models", self.head, "Model")
        return model

    @property
    def settings(self) -> dict[str, Any]:
        """All of the recipe, ready for JSON."""
        return self.recipe.model_dump(mode="json")

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the head reads, as its settings say. Raises: ConfigError."""
        return self.model.inputs_of(self.recipe)


@dataclass(frozen=True)
class Bench:
    """What all cells of one table share: the samples under one protocol and their features on the device."""

    manifest: Manifest
    features: Mapping[str, Feature]
    task: Task
    split: Split
    device: torch.device


def prepare(store: Store, dataset: str, protocol: str, rules: one_shot.Rules, cells: Sequence[Cell], on: str) -> Bench:
    """Label the people, refuse what is too little, then read every input of the cells once.

    Raises: UnknownName, TooLittleData, StoreError, ShardError, ConfigError.
    """
    where = device(on)
    manifest = store.manifest(dataset)
    task = one_shot.apply(protocol, manifest, rules)
    for cell in cells:
        one_shot.check(task, cell.recipe.per_class, cell.recipe.batch, cell.recipe.shots)
    features = store.features(dataset)
    rows = np.concatenate([task.train, task.val, task.test])
    inputs = [name for cell in cells for name in cell.inputs]
    return Bench(manifest, features, task, load_split(features, manifest, inputs, rows, where), where)


@dataclass(frozen=True)
class Result:
    """best: of training. counts: on test. lost: people left out for want of a feature, by part."""

    cell: Cell
    best: Best
    counts: Counts
    lost: Mapping[str, int]
    parameters: int
    seconds: float

    def row(self) -> dict[str, Any]:
        """One row of results.json, without ``paper`` and ``features``; fractions in 0..1. history: for each epoch one
        number per seed; a seed that has stopped is still in the batch, so its numbers go on."""
        scores = {name: metric.score(*self.counts) for name, metric in METRICS.items()}
        return {
            "head": self.cell.head,
            "name": self.cell.name,
            "seeds": len(self.best.epoch),
            "parameters": self.parameters,
            "seconds": round(self.seconds, 3),
            "metrics": {name: summary(values) for name, values in scores.items()},
            "left_out": dict(self.lost),
            "best_epochs": self.best.epoch.tolist(),
            "validation": [round(float(score), 6) for score in self.best.score],
            "history": {
                "loss": [_rounded(epoch.loss) for epoch in self.best.history],
                "validation": [_rounded(epoch.validation) for epoch in self.best.history],
            },
            "settings": self.cell.settings,
        }


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 6) for value in values]


METRICS = {"accuracy": accuracy, "macro_accuracy": macro_accuracy}


def run(
    bench: Bench, cell: Cell, seeds: Sequence[int], folder: Path, watch: Callable[[Epoch], None] = ignore
) -> Result:
    """Train the cell with all seeds at once, score its best epochs on test, write its checkpoint into ``folder``.

    Raises: TooLittleData when the people who have all features are too few; ConfigError, StoreError.
    """
    start = time.perf_counter()
    task, lost = bench.task.only(bench.split.having(cell.inputs, len(bench.manifest)))
    one_shot.check(task, cell.recipe.per_class, cell.recipe.batch, cell.recipe.shots)
    widths = {name: bench.split.widths()[name] for name in cell.inputs}
    head = cell.model(cell.recipe, widths, len(task.seen), seeds).to(bench.device)
    scales = _scales(bench, task, head)
    training = _samples(bench, head, scales, task.train, task.labels[task.train])
    best = train(head, training, _validation(bench, head, scales, task, cell.recipe), cell.recipe, seeds, watch)
    trial = trial_of(bench, head, scales, task, cell.recipe)
    counts = trial.counts(head, len(seeds))
    seconds = time.perf_counter() - start
    known = gallery(head, trial, torch.as_tensor(task.test, device=bench.device), len(seeds))
    about = _about(bench, cell, task, widths, seeds)
    checkpoint.save(folder / f"{cell.name}.safetensors", head, scales, known, about)
    return Result(cell, best, counts, lost, head.parameter_count(), seconds)


def _scales(bench: Bench, task: Task, head: Head) -> dict[str, Scale]:
    known = bench.split.take(head.standardised(), task.train)
    return {name: standardise.fit(x) for name, x in known.items()}


def _samples(
    bench: Bench, head: Head, scales: Mapping[str, Scale], rows: NDArray[np.int64], labels: NDArray[np.int64]
) -> Samples:
    known = bench.split.take(head.inputs, rows)
    scaled = {name: scales[name](x) if name in scales else x for name, x in known.items()}
    return Samples.of(scaled, rows, labels, bench.device)


def _validation(bench: Bench, head: Head, scales: Mapping[str, Scale], task: Task, settings: Recipe) -> Trial:
    """Episodes among the seen classes with enough validation people."""
    classes = task.validation_classes(settings.shots)
    rows = task.val[np.isin(task.labels[task.val], classes)]
    labels = np.searchsorted(classes, task.labels[rows])
    support = draw_support(
        len(bench.manifest),
        rows,
        labels,
        len(classes),
        settings.shots,
        settings.validation_episodes,
        seed=VALIDATION_DRAWS,
    )
    return Trial(_samples(bench, head, scales, rows, labels), support, settings)


def trial_of(bench: Bench, head: Head, scales: Mapping[str, Scale], task: Task, settings: Recipe) -> Trial:
    """Episodes over all people of the unseen classes."""
    labels = task.labels[task.test] - len(task.seen)
    support = draw_support(
        len(bench.manifest), task.test, labels, len(task.unseen), settings.shots, settings.episodes, seed=TEST_DRAWS
    )
    return Trial(_samples(bench, head, scales, task.test, labels), support, settings)


def _about(bench: Bench, cell: Cell, task: Task, widths: Mapping[str, int], seeds: Sequence[int]) -> dict[str, Any]:
    used = {name.partition("/")[0] for name in cell.inputs}
    return {
        "head": cell.head,
        "settings": cell.settings,
        "widths": dict(widths),
        "seeds": list(seeds),
        "seen": list(task.seen),
        "unseen": list(task.unseen),
        "dataset": task.dataset,
        "release": bench.manifest.release,
        "source": bench.manifest.source,
        "protocol": task.protocol,
        "mapping_version": task.version,
        "features": {name: bench.features[name].fingerprint for name in sorted(used)},
        "untrained": sorted(name for name in used if not bench.features[name].trained),
    }
