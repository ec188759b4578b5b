"""Cells of a table: a head under a protocol, trained, chosen on validation, scored on test; alone or together."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cache.fingerprint import digest, fingerprint
from heads.checkpoints import checkpoint
from heads.experiments.bench import Bench, check
from heads.experiments.cell import Cell, Result, Twin
from heads.experiments.code_version import plugins_of
from heads.head import Head, Taught
from heads.inputs.blocks import read_blocks
from heads.inputs.samples import Samples, outputs
from heads.inputs.standardise import Scale
from heads.learning.epoch import Epoch
from heads.learning.together import Trained, train_together, varying
from heads.learning.train import Best, Diverged, Validation, ignore
from heads.learning.training import Recipe
from heads.task import Task
from heads.trial import Fitted


@dataclass(frozen=True)
class _Ground:
    """What the cells of one batch share: people, the inputs' widths, a head of one seed that tells what it reads, and
    the scales that the training people give."""

    bench: Bench
    seeds: Sequence[int]
    task: Task
    lost: Mapping[str, int]
    widths: Mapping[str, Any]
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
    task, head = ground.task, ground.head
    targets = {kind: values[task.train] for kind, values in task.targets.items()}
    known = bench.samples(head, ground.scales, task.train, targets)
    validation = _validation(ground, [one.recipe for one in cells])
    share = (time.perf_counter() - start) / len(cells)
    course = (first.model, [one.recipe for one in cells], ground.widths, task.sizes, seeds, known, validation)
    blocks = read_blocks(bench.features, first.model.blocks_of(first.recipe))
    taught = Taught(task.classes, known.targets, blocks)
    for place, found in train_together(*course, taught=taught, watch=lambda place, epoch: watch(cells[place], epoch)):
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
    """Fingerprint of every person that training and the choice of the best epoch see, with targets and features."""
    task, _ = bench.having(cell.inputs)
    rows = np.concatenate([task.train, task.val])
    parts = [
        task.train,
        task.val,
        *(np.ascontiguousarray(values[rows]) for values in task.targets.values()),
        *(x.cpu().numpy() for x in bench.split.take(cell.inputs, rows).values()),
    ]
    left = [one.told() for one in bench.split.left(cell.inputs, rows).values()]
    return fingerprint([len(bench.manifest), dict(task.sizes), *(digest(part.tobytes()) for part in parts), *left])


def _ground(bench: Bench, cells: Sequence[Cell], seeds: Sequence[int]) -> _Ground:
    first = cells[0]
    task, lost = bench.having(first.inputs)
    for one in cells:
        check(bench.protocol, bench.manifest, task, one)
    widths = {name: bench.split.widths()[name] for name in first.inputs}
    head = first.model(first.recipe, widths, task.sizes, [0])
    return _Ground(bench, seeds, task, lost, widths, head, bench.scales(task, head))


def _named(cell: Cell, error: Diverged) -> Diverged:
    numbers = " ".join(f"{name}={cell.settings[name]}" for name in varying(cell.recipe))
    return Diverged(f"{cell.name}: {error}; the row's numbers: {numbers}")


def _validation(ground: _Ground, recipes: Sequence[Recipe]) -> list[Validation]:
    """What each recipe's epochs are judged on; equal people share their samples."""
    bench, known = ground.bench, dict[bytes, Samples]()
    found = []
    for settings in recipes:
        trial = bench.protocol.validation(ground.task, settings)
        rows = trial.rows.tobytes()
        if rows not in known:
            targets = {kind: values[trial.rows] for kind, values in ground.task.targets.items()}
            known[rows] = bench.samples(ground.head, ground.scales, trial.rows, targets)
        found.append(Validation(known[rows], trial, _asked(ground)))
    return found


def _scored(ground: _Ground, cell: Cell, trained: Trained, seconds: float, folder: Path) -> Result:
    """Score a trained head on test and write its checkpoint. seconds: its share of the preparation."""
    bench, task, head, start = ground.bench, ground.task, trained.head, time.perf_counter()
    protocol, trial = bench.protocol, bench.protocol.test(task, cell.recipe)
    output = outputs(head, bench.samples(head, ground.scales, trial.rows), len(ground.seeds), _asked(ground))
    fitted = _fitted(ground, cell, head)
    scores = trial.scores(output, fitted)
    seconds += trained.seconds + time.perf_counter() - start
    about = _about(ground, cell)
    memory = dict(protocol.memory(trial, output, cell.recipe))
    memory |= {name: torch.as_tensor(values) for name, values in fitted.items()}
    checkpoint.save(folder / f"{cell.name}.safetensors", head, ground.scales, memory, about)
    return Result(
        cell,
        trained.best,
        scores,
        {name: metric.told() for name, metric in protocol.metrics(cell.recipe).items() if name in scores},
        protocol.resamples,
        ground.lost,
        bench.scored_on(task, trial),
        about["untrained"],
        head.parameter_count(),
        seconds,
        trained.seconds,
        plugins=about.get("plugins", {}),
        approximates=head.approximates,
    )


def _fitted(ground: _Ground, cell: Cell, head: Head) -> Fitted:
    """What the protocol fits on validation, by the best epochs."""
    bench, task = ground.bench, ground.task
    if not bench.protocol.fits:
        return {}
    trial = bench.protocol.validation(task, cell.recipe)
    output = outputs(head, bench.samples(head, ground.scales, trial.rows), len(ground.seeds), _asked(ground))
    return bench.protocol.fitted(task, trial, output, cell.recipe)


def _asked(ground: _Ground) -> frozenset[str]:
    return ground.bench.protocol.asked(ground.head.gives, ground.task)


def _about(ground: _Ground, cell: Cell) -> dict[str, Any]:
    bench, task = ground.bench, ground.task
    used = {name.partition("/")[0] for name in cell.inputs}
    outside = {module: one.document() for module, one in plugins_of(cell, bench.protocol.kind).items()}
    return {
        "head": cell.head,
        "settings": cell.settings,
        "widths": {name: width for name, width in ground.widths.items() if isinstance(width, int)},
        "shapes": {name: list(width) for name, width in ground.widths.items() if not isinstance(width, int)},
        "sizes": dict(task.sizes),
        "seeds": list(ground.seeds),
        "dataset": task.dataset,
        "release": bench.manifest.release,
        "source": bench.manifest.source,
        "kind": bench.protocol.kind,
        "protocol": task.protocol,
        "task": dict(task.about),
        "features": {name: bench.features[name].fingerprint for name in sorted(used)},
        "untrained": sorted(name for name in used if not bench.features[name].trained),
        **({"plugins": outside} if outside else {}),
    }
