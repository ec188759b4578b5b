"""Means over the classes, or dimensions, that somebody has."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from heads.judged import JudgedFlags, Ranking


def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """values: (R, C), NaN for those left out. Returns (R,), NaN where all are."""
    known = ~np.isnan(values)
    count = known.sum(1)
    total = np.where(known, values, 0.0).sum(1)
    return np.asarray(np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0))


def of_rankings(judged: JudgedFlags, one: Callable[[Ranking], NDArray[np.float64]]) -> NDArray[np.float64]:
    """(R, C) of each class's ranking; NaN for a class that nobody has."""
    nothing = np.full(judged.weights.shape[1], np.nan)
    return np.stack([nothing if ranking is None else one(ranking) for ranking in judged.rankings], 1)


def harmonic(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The harmonic mean of two scores, 0 where both are."""
    both = one + other
    return np.divide(2 * one * other, both, out=np.zeros(both.shape), where=both > 0)
