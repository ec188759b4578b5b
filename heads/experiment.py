"""Cells of a table: a head under a protocol, trained, chosen on validation, scored on test; alone or together."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache.fingerprint import digest, fingerprint
from cache.manifest import Manifest
from cache.store import Feature, Store
from heads import checkpoint, standardise
from heads.about import mapping_of
from heads.cell import Cell, Result, Twin
from heads.episodes import draw_support
from heads.evaluation import Samples, Trial
from heads.features import Split, device, load_split
from heads.head import Head
from heads.prediction import gallery
from heads.protocols import one_shot
from heads.standardise import Scale
from heads.task import Task
from heads.together import Trained, train_together, varying
from heads.train import Best, Diverged, Epoch, ignore
from heads.training import Recipe

VALIDATION_DRAWS, TEST_DRAWS = 1, 0
"""Seeds of the support draws; the same for every head, so that two heads can be compared episode by episode."""


@dataclass(frozen=True)
class Bench:
    """What all cells of one table share: the samples under one protocol and their features on the device.

    mapping: fingerprint of the rules that labelled the samples; needed for training alone.
    """

    manifest: Manifest
    features: Mapping[str, Feature]
    task: Task
    split: Split
    device: torch.device
    mapping: str = ""


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
    split = load_split(features, manifest, inputs, rows, where)
    return Bench(manifest, features, task, split, where, mapping_of(rules))


@dataclass(frozen=True)
class _Ground:
    """What the cells of one batch share: people, the inputs' widths, a head of one seed that tells what it reads, and
    the scales that the training people give."""

    bench: Bench
    seeds: Sequence[int]
    task: Task
    lost: Mapping[str, int]
    widths: Mapping[str, int]
    head: Head
    scales: Mapping[str, Scale]


def run(
    bench: Bench, cell: Cell, seeds: Sequence[int], folder: Path, watch: Callable[[Epoch], None] = ignore
) -> Result:
    """Train the cell with all seeds at once, score its best epochs on test, write its checkpoint into ``folder``.

    Raises: Diverged, which names the cell, when a loss is no longer finite; and as ``run_together``.
    """
    ((_, found),) = run_together(bench, [cell], seeds, folder, lambda _, epoch: watch(epoch))
    if isinstance(found, Diverged):
        raise found
    return found


def run_together(
    bench: Bench, cells: Sequence[Cell], seeds: Sequence[int], folder: Path, watch: Callable[[Cell, Epoch], None]
) -> Iterator[tuple[Cell, Result | Diverged]]:
    """For each cell, as soon as it is done, what ``run`` makes of it alone; the Diverged of one stops no other.

    cells: of one head, with settings that can train together. A cell's seconds are its own scoring, its share of each
    epoch that it was trained in and of the preparation. Raises: TooLittleData when the people who have all features are
    too few; ConfigError, StoreError.
    """
    start, first = time.perf_counter(), cells[0]
    ground = _ground(bench, cells, seeds)
    task, widths, head = ground.task, ground.widths, ground.head
    known = _samples(bench, head, ground.scales, task.train, task.labels[task.train])
    trials = _validation(bench, head, ground.scales, task, [one.recipe for one in cells])
    share = (time.perf_counter() - start) / len(cells)
    course = (first.model, [one.recipe for one in cells], widths, len(task.seen), seeds, known, trials)
    for place, found in train_together(*course, watch=lambda place, epoch: watch(cells[place], epoch)):
        one = cells[place]
        yield one, _named(one, found) if isinstance(found, Diverged) else _scored(ground, one, found, share, folder)


def adopt(bench: Bench, cell: Cell, seeds: Sequence[int], twin: Twin, folder: Path) -> Result:
    """What ``run`` gives, without its training: ``twin`` was trained on the same people and settings.

    Raises: WeightsError when the twin's checkpoint cannot be read; and as ``run_together``.
    """
    start = time.perf_counter()
    ground = _ground(bench, [cell], seeds)
    head = checkpoint.load(twin.checkpoint, bench.device.type).head
    trained = Trained(head, Best.of(twin.row, head.state_dict()), time.perf_counter() - start)
    result = _scored(ground, cell, trained, 0.0, folder)
    origin = twin.protocol if twin.protocol != bench.task.protocol else None
    return replace(result, training_seconds=twin.row["training_seconds"], trained_for=origin)


def training_of(bench: Bench, cell: Cell) -> str:
    """Fingerprint of every person that training and the choice of the best epoch see, with class and features."""
    task, _ = bench.task.only(bench.split.having(cell.inputs, len(bench.manifest)))
    rows = np.concatenate([task.train, task.val])
    parts = [
        task.train,
        task.val,
        task.labels[rows],
        *(x.cpu().numpy() for x in bench.split.take(cell.inputs, rows).values()),
    ]
    return fingerprint([len(bench.manifest), len(task.seen), *(digest(part.tobytes()) for part in parts)])


def _ground(bench: Bench, cells: Sequence[Cell], seeds: Sequence[int]) -> _Ground:
    first = cells[0]
    task, lost = bench.task.only(bench.split.having(first.inputs, len(bench.manifest)))
    for one in cells:
        one_shot.check(task, one.recipe.per_class, one.recipe.batch, one.recipe.shots)
    widths = {name: bench.split.widths()[name] for name in first.inputs}
    head = first.model(first.recipe, widths, len(task.seen), [0])
    return _Ground(bench, seeds, task, lost, widths, head, _scales(bench, task, head))


def _named(cell: Cell, error: Diverged) -> Diverged:
    numbers = " ".join(f"{name}={cell.settings[name]}" for name in varying(cell.recipe))
    return Diverged(f"{cell.name}: {error}; the row's numbers: {numbers}")


def _scored(ground: _Ground, cell: Cell, trained: Trained, seconds: float, folder: Path) -> Result:
    """Score a trained head on test and write its checkpoint. seconds: its share of the preparation."""
    bench, task, seeds, head, start = ground.bench, ground.task, ground.seeds, trained.head, time.perf_counter()
    trial = trial_of(bench, head, ground.scales, task, cell.recipe)
    counts = trial.counts(head, len(seeds))
    seconds += trained.seconds + time.perf_counter() - start
    known = gallery(head, trial, torch.as_tensor(task.test, device=bench.device), len(seeds))
    path = folder / f"{cell.name}.safetensors"
    about = _about(bench, cell, task, ground.widths, seeds)
    checkpoint.save(path, head, ground.scales, known, about)
    told = _scored_on(bench.manifest, task, trial), about["untrained"]
    return Result(cell, trained.best, counts, ground.lost, *told, head.parameter_count(), seconds, trained.seconds)


def _scored_on(manifest: Manifest, task: Task, trial: Trial) -> dict[str, str]:
    people = [[manifest.keys[row], int(task.labels[row])] for row in task.test]
    support = [list(trial.support.shape), digest(trial.support.tobytes())]
    return {"people": fingerprint(people), "support": fingerprint(support)}


def _scales(bench: Bench, task: Task, head: Head) -> dict[str, Scale]:
    known = bench.split.take(head.standardised(), task.train)
    return {name: standardise.fit(x) for name, x in known.items()}


def _samples(
    bench: Bench, head: Head, scales: Mapping[str, Scale], rows: NDArray[np.int64], labels: NDArray[np.int64]
) -> Samples:
    known = bench.split.take(head.inputs, rows)
    scaled = {name: scales[name](x) if name in scales else x for name, x in known.items()}
    return Samples.of(scaled, rows, labels, bench.device)


def _validation(
    bench: Bench, head: Head, scales: Mapping[str, Scale], task: Task, recipes: Sequence[Recipe]
) -> list[Trial]:
    """Episodes for each recipe among the seen classes with enough validation people; equal people share their
    samples."""
    samples: dict[tuple[int, ...], Samples] = {}
    found = []
    for settings in recipes:
        classes = task.validation_classes(settings.shots)
        rows = task.val[np.isin(task.labels[task.val], classes)]
        labels = np.searchsorted(classes, task.labels[rows])
        if tuple(classes) not in samples:
            samples[tuple(classes)] = _samples(bench, head, scales, rows, labels)
        wanted = len(classes), settings.shots, settings.validation_episodes
        support = draw_support(len(bench.manifest), rows, labels, *wanted, seed=VALIDATION_DRAWS)
        found.append(Trial(samples[tuple(classes)], support, settings))
    return found


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
        "mapping": bench.mapping,
        "features": {name: bench.features[name].fingerprint for name in sorted(used)},
        "untrained": sorted(name for name in used if not bench.features[name].trained),
    }
