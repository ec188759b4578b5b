"""What the page shows of a head beyond results.json: its checkpoint, scored again on the store.

All of it comes from one embedding of the test people, which is what scoring costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from cache.errors import StoreError
from cache.store import Store
from heads import checkpoint
from heads.about import check_mapping
from heads.cell import METRICS
from heads.checkpoint import Checkpoint
from heads.evaluate import check_store
from heads.evaluation import Trial, embed
from heads.experiment import Bench, trial_of
from heads.features import device, load_split
from heads.interval import summary
from heads.protocols import one_shot
from heads.rules import Rule, scorers
from heads.task import Task

_ROUNDING = 0.005
"""How far a score may move between machines before it counts as another model's."""
_ROWS, _SCORES = 4096, 4096 * 1200
"""Queries compared in one go, and how many scores they may make together: bounds the memory."""


@dataclass(frozen=True)
class Scored:
    """recall: class -> mean and ci95, as a metric in results.json. confusion: (C, C), row: the true class, column: the
    class of the nearest support sample, shares of all queries in all episodes and seeds; rows sum to 1. embedding:
    (n, e) of the test people by the first seed's model, length 1. labels: (n,) unseen classes from 0."""

    unseen: tuple[str, ...]
    recall: Mapping[str, dict[str, Any]]
    confusion: NDArray[np.float64]
    embedding: NDArray[np.float32]
    labels: NDArray[np.int64]


def score(path: Path, row: Mapping[str, Any], protocol: str, store: Store, rules: one_shot.Rules, on: str) -> Scored:
    """Score the checkpoint of ``row``, a row of results.json, again.

    Raises: WeightsError for the checkpoint; StoreError when the store holds another state of annotation or features
    than it was trained on, for other rules, or when the checkpoint is not the one that ``row`` is of.
    """
    loaded = checkpoint.load(path, on)
    if (other := loaded.about["protocol"]) != protocol:
        raise StoreError(f"{path}: is of protocol {other}, results.json of {protocol}. Train again")
    task, trial = _trial(path, loaded, store, rules, on)
    embedding = embed(loaded.head, trial.samples, len(loaded.about["seeds"]))
    named = confusions(embedding, trial.samples.labels, trial.support, trial.rule)
    correct, total = named.diagonal(axis1=2, axis2=3), named[0, 0].sum(1)
    _check_scores(path, row, {name: summary(metric.score(correct, total)) for name, metric in METRICS.items()})
    recall = {name: summary(correct[:, :, at] / total[at]) for at, name in enumerate(task.unseen)}
    shares = named.sum((0, 1)) / named.sum((0, 1, 3))[:, None]
    vectors = F.normalize(embedding[0], dim=1).cpu().numpy()
    return Scored(task.unseen, recall, shares, vectors, task.labels[task.test] - len(task.seen))


def _trial(path: Path, loaded: Checkpoint, store: Store, rules: one_shot.Rules, on: str) -> tuple[Task, Trial]:
    """The test people alone, with the episodes that the checkpoint was scored on."""
    about, manifest = loaded.about, store.manifest(loaded.about["dataset"])
    features = store.features(manifest.dataset)
    check_store(path, about, {name: one.fingerprint for name, one in features.items()} | {"": manifest.source})
    check_mapping(path, about, rules)
    whole = one_shot.apply(about["protocol"], manifest, rules)
    split = load_split(features, manifest, loaded.head.inputs, whole.test, device(on))
    task, _ = whole.only(split.having(loaded.head.inputs, len(manifest)))
    bench = Bench(manifest, features, task, split, device(on))
    return task, trial_of(bench, loaded.head, loaded.scales, task, loaded.recipe)


def confusions(embedding: Tensor, labels: Tensor, support: NDArray[np.int64], rule: Rule) -> NDArray[np.int64]:
    """(S, E, C, C) queries by their true class (row) and the one they were given (column) in each seed and episode.

    As in ``episodes.recognise``, whose counts are the diagonals. embedding: (S, n, e). labels: (n,) 0..C - 1. support:
    (E, C, k) positions.
    """
    episodes, classes, _ = support.shape
    places = torch.as_tensor(support, device=labels.device)
    cells = torch.arange(episodes, device=labels.device) * classes**2 + labels[:, None] * classes
    found = [_named(F.normalize(one, dim=1), cells, places, rule).cpu().numpy() for one in embedding]
    return np.stack(found).reshape(-1, episodes, classes, classes)


def _named(vectors: Tensor, cells: Tensor, places: Tensor, rule: Rule) -> Tensor:
    """(E * C * C,) counts of one seed. vectors: (n, e). cells: (n, E), where a query's row of the counts begins."""
    episodes, classes, _ = places.shape
    outside = episodes * classes**2
    known = scorers(vectors[places], rule)
    rows = max(1, min(_ROWS, _SCORES // places[0].numel() // episodes))
    given = torch.cat([known.name(vectors[start : start + rows]) for start in range(0, len(vectors), rows)])
    found = (cells + given).scatter_(0, places.flatten(1).T, outside)
    return torch.bincount(found.flatten(), minlength=outside + 1)[:outside]


def _check_scores(path: Path, row: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    for name, now in found.items():
        then = row["metrics"].get(name, now)
        if abs(now["mean"] - then["mean"]) > _ROUNDING:
            numbers = f"{name} {now['mean']:.4f}, results.json says {then['mean']:.4f}"
            raise StoreError(f"{path}: scores {numbers}. One of the two is of another training: train again")
