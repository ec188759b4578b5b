"""What the page shows of a head beyond results.json: its checkpoint, scored again on the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn import functional as F

from cache.errors import StoreError
from cache.store import Store
from heads.evaluate import Evaluation, evaluate
from heads.evaluation import embed
from heads.interval import summary
from heads.protocols import one_shot

_ROUNDING = 0.005
"""How far a score may move between machines before it counts as another model's."""


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

    Raises: every AffectError of ``evaluate``; StoreError when the checkpoint is not the one that ``row`` is of.
    """
    found = evaluate(path, store, rules, on)
    _check_same(path, row, protocol, found)
    correct, total = found.counts
    recall = {name: summary(correct[:, :, at] / total[at]) for at, name in enumerate(found.task.unseen)}
    seeds = len(found.checkpoint.about["seeds"])
    vectors = F.normalize(embed(found.checkpoint.head, found.trial.samples, seeds)[0], dim=1).cpu().numpy()
    labels = found.task.labels[found.task.test] - len(found.task.seen)
    return Scored(found.task.unseen, recall, confusion(found, labels), vectors, labels)


def confusion(found: Evaluation, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(C, C) shares by true class. A person weighs as much as there are episodes that have them as a query, so that the
    diagonal's mean is the macro accuracy."""
    shares = found.prediction.unseen.cpu().numpy().astype(np.float64)
    support = found.trial.support.reshape(len(found.trial.support), -1)
    weights = len(support) - np.bincount(support.ravel(), minlength=len(labels))
    out = np.zeros((shares.shape[1],) * 2)
    np.add.at(out, labels, weights[:, None] * shares)
    return np.asarray(out / out.sum(1, keepdims=True))


def _check_same(path: Path, row: Mapping[str, Any], protocol: str, found: Evaluation) -> None:
    if found.checkpoint.about["protocol"] != protocol:
        other = found.checkpoint.about["protocol"]
        raise StoreError(f"{path}: is of protocol {other}, results.json of {protocol}. Train again")
    for name, now in found.metrics.items():
        then = row["metrics"].get(name, now)
        if abs(now["mean"] - then["mean"]) > _ROUNDING:
            numbers = f"{name} {now['mean']:.4f}, results.json says {then['mean']:.4f}"
            raise StoreError(f"{path}: scores {numbers}. One of the two is of another training: train again")
