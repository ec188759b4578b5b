"""Score a trained head again from its checkpoint, and write what it says of every test person."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cache.errors import StoreError
from cache.files import replace_text
from cache.manifest import Manifest
from cache.store import Store
from heads import checkpoint
from heads.about import check_mapping
from heads.cell import METRICS
from heads.checkpoint import Checkpoint
from heads.episodes import Counts
from heads.evaluation import Trial
from heads.experiment import Bench, trial_of
from heads.features import device, load_split
from heads.interval import summary
from heads.prediction import Prediction, predict
from heads.protocols import one_shot
from heads.task import Task


@dataclass(frozen=True)
class Evaluation:
    """metrics: as in results.json. prediction: of ``task.test``, in that order. trial: the samples that were scored, in
    that order too, and the episodes over them. counts: what was recognised."""

    checkpoint: Checkpoint
    manifest: Manifest
    task: Task
    metrics: Mapping[str, Any]
    prediction: Prediction
    trial: Trial
    counts: Counts


def evaluate(path: Path, store: Store, rules: one_shot.Rules, on: str = "cpu") -> Evaluation:
    """Score the checkpoint at ``path`` on the test people of the dataset it was trained on.

    Raises: WeightsError for the checkpoint; StoreError when the store holds another state of annotation or features,
    and for other rules than it was trained with.
    """
    where = device(on)
    loaded = checkpoint.load(path, on)
    about, manifest = loaded.about, store.manifest(loaded.about["dataset"])
    features = store.features(manifest.dataset)
    check_store(path, about, {name: one.fingerprint for name, one in features.items()} | {"": manifest.source})
    check_mapping(path, about, rules)
    whole = one_shot.apply(about["protocol"], manifest, rules)
    rows = np.concatenate([whole.train, whole.val, whole.test])
    split = load_split(features, manifest, loaded.head.inputs, rows, where)
    task, _ = whole.only(split.having(loaded.head.inputs, len(manifest)))
    bench = Bench(manifest, features, task, split, where)
    trial = trial_of(bench, loaded.head, loaded.scales, task, loaded.recipe)
    counts = trial.counts(loaded.head, len(about["seeds"]))
    metrics = {name: summary(metric.score(*counts)) for name, metric in METRICS.items()}
    known = torch.as_tensor(task.test, device=where)
    prediction = predict(loaded.head, trial.samples.features, loaded.gallery, known)
    return Evaluation(loaded, manifest, task, metrics, prediction, trial, counts)


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
    """One line a test person: key, class, the class with the greatest share, the features among the head's that no
    trained network made, and every share."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    unseen = found.task.unseen
    writer.writerow(["key", "class", "predicted", "untrained", *unseen])
    untrained = " ".join(found.checkpoint.about["untrained"])
    for row, shares in zip(found.task.test.tolist(), found.prediction.unseen.tolist(), strict=True):
        label = unseen[found.task.labels[row] - len(found.task.seen)]
        best = unseen[int(np.argmax(shares))]
        writer.writerow([found.manifest.keys[row], label, best, untrained, *(f"{share:.6f}" for share in shares)])
    return out.getvalue()


def write(path: Path, found: Evaluation) -> None:
    """Raises: StoreError when the folder cannot be written."""
    replace_text(path, csv_text(found))
