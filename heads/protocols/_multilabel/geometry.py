"""A probe that sees where a person is in the image and how large both are, and nothing of what they show: what a head
has to beat before it can be said to look."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression, LogisticRegression

from cache.manifest import Manifest
from heads.head import DIMENSIONS, FLAGS
from heads.task import Task

_NUMBERS = 6
_KEPT = 8
"""Probes that are kept: one a task, so that a table's cells and its page fit none again."""
Array = NDArray[np.float64]


class Probe(NamedTuple):
    """logits: (n, C) of everybody in the manifest. dimensions: (n, D), None without any."""

    logits: Array
    dimensions: Array | None


def numbers(manifest: Manifest) -> Array:
    """(n, 6): the box's middle, width and height as shares of the image's, and the image's width and height."""
    boxes, sizes = manifest.boxes.astype(np.float64), manifest.sizes.astype(np.float64)
    whole = np.maximum(sizes, 1)
    low, high = boxes[:, :2] / whole, boxes[:, 2:] / whole
    return np.asarray(np.nan_to_num(np.concatenate([(low + high) / 2, high - low, sizes], 1)))


def probe(manifest: Manifest, task: Task) -> Probe:
    """Logistic regression for each class and least squares for each dimension, on the training people's numbers, which
    are brought to mean 0 and deviation 1. Nothing in it is drawn by chance."""
    targets = [task.targets[kind][task.train] for kind in (FLAGS, DIMENSIONS) if kind in task.targets]
    parts = [numbers(manifest), task.train, *(values.astype(np.float64) for values in targets)]
    return _fitted(*(part.tobytes() for part in parts))


@lru_cache(maxsize=_KEPT)
def _fitted(seen: bytes, rows: bytes, flags: bytes, truth: bytes | None = None) -> Probe:
    """Of the arrays' numbers, so that equal ones are fitted once."""
    every, train = np.frombuffer(seen).reshape(-1, _NUMBERS), np.frombuffer(rows, np.int64)
    mine = every[train]
    spread = mine.std(0)
    scaled = (every - mine.mean(0)) / np.where(spread > 0, spread, 1)
    logits = [_class(scaled, train, right) for right in np.frombuffer(flags).reshape(len(train), -1).T]
    if truth is None:
        return Probe(np.stack(logits, 1), None)
    told = [_dimension(scaled, train, right) for right in np.frombuffer(truth).reshape(len(train), -1).T]
    return Probe(np.stack(logits, 1), np.stack(told, 1))


def _class(scaled: Array, train: NDArray[np.int64], right: Array) -> Array:
    """(n,) logits; of a class that every training person has, or nobody, large ones."""
    if right.all() or not right.any():
        return np.full(len(scaled), 10.0 if right.all() else -10.0)
    return np.asarray(LogisticRegression(max_iter=1000).fit(scaled[train], right).decision_function(scaled))


def _dimension(scaled: Array, train: NDArray[np.int64], right: Array) -> Array:
    """(n,) in 0..1; one half where it is known of nobody."""
    known = ~np.isnan(right)
    if not known.any():
        return np.full(len(scaled), 0.5)
    return np.asarray(LinearRegression().fit(scaled[train][known], right[known]).predict(scaled)).clip(0, 1)
