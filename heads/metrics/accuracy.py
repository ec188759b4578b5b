"""Accuracy, micro: the share of all people who were recognised.

Source: Affect-DML, tables II to IV. The largest class decides much of it: report macro accuracy beside it.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric


def score(correct: NDArray[np.number], total: NDArray[np.number]) -> NDArray[np.float64]:
    """correct: (..., C) recognised people per class. total: (..., C) all of them. Returns (...,) in 0..1."""
    return np.asarray(correct.sum(-1) / total.sum(-1))


class Metric(metric.Metric):
    """See above."""

    title = "accuracy"

    def score(self, confusion: NDArray[np.number]) -> NDArray[np.float64]:
        """Of confusions (..., C, C)."""
        return score(confusion.diagonal(axis1=-2, axis2=-1), confusion.sum(-1))
