"""What an extraction and a training will take, measured on a few of the user's own images and people."""

import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cache.errors import AffectError
from cache.layout import Layout
from cache.manifest import Manifest
from cache.store import Store
from heads.experiments.cell import Cell
from heads.inputs.samples import Samples
from heads.known_protocols import find
from heads.learning.train import Course
from heads.task import Task
from pipeline.running.plan import make_plan
from pipeline.running.recipes import DatasetConfig, Recipe, recipes
from pipeline.running.request import Request
from pipeline.running.runner import Worker
from pipeline.weights.folder import Weights

SAMPLED, PIECE = 24, 4
"""Images that are extracted for the measurement, and how many of them at a time."""

PEOPLE, STEPS = 256, 8
"""Made-up people and steps of a training's measurement."""


@dataclass(frozen=True)
class Cost:
    """Of one feature. seconds: for an image, one number a piece of the sample. bytes: written for an image."""

    seconds: tuple[float, ...]
    bytes: float

    def hours(self, images: int) -> tuple[float, float, float]:
        """For so many images the mean, and between what it lies: two standard errors of the mean each way."""
        mean = statistics.fmean(self.seconds)
        error = 2 * statistics.stdev(self.seconds) / math.sqrt(len(self.seconds)) if len(self.seconds) > 1 else mean
        return mean * images / 3600, max(0.0, mean - error) * images / 3600, (mean + error) * images / 3600


def sample(manifest: Manifest, count: int = SAMPLED) -> Manifest:
    """The people of some images, drawn from all with a fixed seed."""
    every = list(dict.fromkeys(manifest.images))
    chosen = set(np.random.default_rng(0).permutation(len(every))[:count].tolist())
    images = {every[place] for place in chosen}
    rows = np.flatnonzero([image in images for image in manifest.images])
    columns: dict[str, Any] = {}
    for field in fields(manifest):
        value = getattr(manifest, field.name)
        if isinstance(value, np.ndarray):
            columns[field.name] = value[rows] if len(value) else value
        elif isinstance(value, list):
            columns[field.name] = [value[row] for row in rows] if value else []
    return replace(manifest, **columns, source="sample")


def extraction(
    config: DatasetConfig, names: Sequence[str], request: Request, few: Manifest
) -> Iterator[tuple[str, Cost | AffectError]]:
    """Each feature of ``names`` and of their sources with what it took, one after the other, or with why it could not
    be measured.

    An absent checkpoint's network runs with random weights, which takes as long; what is made is thrown away.
    Raises: UnknownName, ConfigError.
    """
    chosen = recipes(config, list(names), Weights(request.weights, untrained=True))
    with tempfile.TemporaryDirectory() as name:
        for one in chosen:
            try:
                yield one.feature, _one(one, chosen, Store(Path(name)), request, few)
            except AffectError as error:
                yield one.feature, error


def _one(recipe: Recipe, every: Sequence[Recipe], store: Store, request: Request, few: Manifest) -> Cost:
    layout = Layout(few, PIECE)
    store.begin(few, PIECE)
    mine = [one for one in every if one.feature in (recipe.feature, recipe.stage.source)]
    for one in mine:
        store.use(few.dataset, one.info)
    plan = make_plan(layout, store.features(few.dataset), mine)
    tasks = [replace(task, features=(recipe.feature,)) for task in plan.tasks]
    seconds, written = [], 0
    with Worker(plan, request.running) as worker:
        worker.load({recipe.feature})
        for task in tasks:
            start = time.perf_counter()
            list(worker.run([task], lambda _: None))
            block = layout.block(task.number)
            seconds.append((time.perf_counter() - start) / len(block.persons))
            written += plan.features[recipe.feature].path(block).stat().st_size
    return Cost(tuple(seconds[1:] or seconds), written / len(layout.images))  # the first warms up


def training(
    tables: Mapping[str, Sequence[Cell]],
    widths: Mapping[str, Any],
    manifest: Manifest,
    mapping: Path | None,
    seeds: int,
) -> float:
    """Hours of all cells, each alone and over all its epochs: what trains together, or stops early, takes less.

    widths: of the inputs; a cell with another input is not counted. Measured on numbers that are made up, once for each
    head of the same inputs, outputs and batch.
    """
    total, known = 0.0, dict[Any, float]()
    for word, cells in tables.items():
        task = find(word, mapping).task(manifest)
        for one in (cell for cell in cells if cell.model.trains and set(cell.inputs) <= widths.keys()):
            alike = (one.head, one.inputs, tuple(task.sizes.items()), one.recipe.batch)
            if alike not in known:
                known[alike] = _step(one, task, widths, seeds)
            total += _steps(one, task) * known[alike]
    return total / 3600


def _steps(one: Cell, task: Task) -> int:
    return one.recipe.epochs * max(1, len(task.train) // one.recipe.batch)


def _step(one: Cell, task: Task, widths: Mapping[str, Any], seeds: int) -> float:
    """Seconds, the median of some steps."""
    draw, rows = torch.Generator().manual_seed(0), np.resize(task.train, PEOPLE)
    shapes = {name: np.atleast_1d(widths[name]).tolist() for name in one.inputs}
    features = {name: torch.rand(PEOPLE, *shape, generator=draw) for name, shape in shapes.items()}
    targets = {kind: values[rows] for kind, values in task.targets.items()}
    samples = Samples.of(features, np.arange(PEOPLE), targets, torch.device("cpu"))
    head = one.model(one.recipe, widths, task.sizes, range(seeds))
    course = Course.start(head.train(), samples, one.recipe, range(seeds))
    places = torch.arange(min(one.recipe.batch, PEOPLE)).expand(seeds, -1)
    seconds = []
    with course.optimiser:
        for _ in range(STEPS):
            start = time.perf_counter()
            course.step(places)
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
