"""Score a trained head again from its checkpoint, and write what it says of every test person."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache.errors import StoreError
from cache.files import replace_text
from cache.manifest import Manifest
from cache.store import Store
from heads import protocol as protocols
from heads.checkpoints import checkpoint
from heads.checkpoints.about import check_protocol
from heads.checkpoints.checkpoint import Checkpoint
from heads.drawing import Drawing
from heads.experiments.bench import Bench
from heads.head import DIMENSIONS, Output
from heads.inputs.features import device, load_split
from heads.inputs.samples import outputs
from heads.protocol import Answer, Protocol, Trial
from heads.statistics.interval import summary
from heads.task import Task


@dataclass(frozen=True)
class Evaluation:
    """task: without the people who lack a feature. trial: of the test people. output: the head's of those, every field
    that it gives. metrics: as in results.json. drawings: what a page shows."""

    checkpoint: Checkpoint
    manifest: Manifest
    protocol: Protocol
    task: Task
    trial: Trial
    output: Output
    metrics: Mapping[str, Any]
    drawings: Sequence[Drawing]

    def answers(self) -> list[Answer]:
        """What the head says of every test person, nobody being judged by himself."""
        known = self.checkpoint
        return self.protocol.answers(known.memory, known.about["task"], known.recipe, self.output, self.trial.rows)


def evaluate(path: Path, store: Store, mapping: Path | None = None, on: str = "cpu") -> Evaluation:
    """Score the checkpoint at ``path`` on the test people of the dataset it was trained on.

    mapping: the one it was trained with, if it was not the protocol's own. Raises: WeightsError for the checkpoint;
    StoreError when the store holds another state of annotation or features, and for another mapping.
    """
    where = device(on)
    loaded = checkpoint.load(path, on)
    about, manifest = loaded.about, store.manifest(loaded.about["dataset"])
    features = store.features(manifest.dataset)
    check_store(path, about, {name: one.fingerprint for name, one in features.items()} | {"": manifest.source})
    protocol = protocols.find(about["protocol"], mapping)
    check_protocol(path, about, protocol)
    whole = protocol.task(manifest)
    arrays = loaded.head.arrays_of(loaded.recipe)
    split = load_split(features, manifest, loaded.head.inputs, _rows(whole), where, arrays)
    bench = Bench(manifest, features, protocol, whole, split, where)
    task, _ = bench.having(loaded.head.inputs)
    trial = protocol.test(task, loaded.recipe)
    samples = bench.samples(loaded.head, loaded.scales, trial.rows)
    output = outputs(loaded.head, samples, len(about["seeds"]), sorted(loaded.head.gives))
    fitted = {name: loaded.memory[name].cpu().numpy() for name in protocol.fits}
    scores, drawings = trial.judged(output, fitted)
    known = protocol.metrics(loaded.recipe)
    metrics = {name: summary(one, protocol.resamples, known[name].bounds) for name, one in scores.items()}
    return Evaluation(loaded, manifest, protocol, task, trial, output, metrics, drawings)


def _rows(task: Task) -> NDArray[np.int64]:
    return np.concatenate([task.train, task.val, task.test])


def check_store(path: Path, about: Mapping[str, Any], now: Mapping[str, str]) -> None:
    """now: feature -> fingerprint in the store, "" -> the annotation's. Raises: StoreError where the checkpoint at
    ``path`` was trained on others."""
    wanted = {**about["features"], "": about["source"]}
    for name in wanted:
        if now.get(name) != wanted[name]:
            what = f"feature {name} {wanted[name]}" if name else "another state of the annotation"
            cure = f"Run make extract DATASET={about['dataset']} with the settings of then, or make train again"
            raise StoreError(f"{path}: was trained on {what}, the store has {now.get(name, 'none')}. {cure}")


def csv_text(found: Evaluation) -> str:
    """One line a test person: key, what is right, what is said (the classes that are named, or else the one with the
    greatest share), the features among the head's that no trained network made, every share of the main answer, and
    dimensions."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    answers = found.answers()
    answer, beyond = answers[0], [one for one in answers[1:] if one.title == DIMENSIONS]
    told = [answer, *beyond]
    writer.writerow(["key", "class", "predicted", "untrained", *(name for one in told for name in one.names)])
    untrained = " ".join(found.checkpoint.about["untrained"])
    every = torch.cat([one.shares for one in told], 1).tolist()
    for place, (row, shares) in enumerate(zip(found.trial.rows.tolist(), every, strict=True)):
        right, best = found.protocol.truth(found.task, row), ", ".join(answer.said(place))
        writer.writerow([found.manifest.keys[row], right, best, untrained, *(f"{share:.6f}" for share in shares)])
    return out.getvalue()


def write(path: Path, found: Evaluation) -> None:
    """Raises: StoreError when the folder cannot be written."""
    replace_text(path, csv_text(found))
