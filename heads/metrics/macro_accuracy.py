"""Macro accuracy, also called balanced accuracy: the mean over classes of the share of a class that was recognised.

Guessing, and always naming one class, both give 1 / C.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric


def score(correct: NDArray[np.number], total: NDArray[np.number]) -> NDArray[np.float64]:
    """correct: (..., C) recognised people per class. total: (..., C) all of them; a class with none has no part in the
    mean. Returns (...,) in 0..1."""
    if (total > 0).all():
        return np.asarray((correct / total).mean(-1))
    total = np.broadcast_to(total, correct.shape)
    shares = np.divide(correct, total, out=np.zeros(correct.shape), where=total > 0)
    return np.asarray(shares.sum(-1) / (total > 0).sum(-1))


class Metric(metric.Metric):
    """See above."""

    title = "macro accuracy"

    def score(self, confusion: NDArray[np.number]) -> NDArray[np.float64]:
        """Of confusions (..., C, C)."""
        return score(confusion.diagonal(axis1=-2, axis2=-1), confusion.sum(-1))
