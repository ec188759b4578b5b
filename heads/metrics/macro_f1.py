"""Macro F1: the mean over classes of the harmonic mean of precision and recall.

Source: van Rijsbergen 1979, "Information retrieval"; averaged as scikit-learn's ``f1_score(average="macro")`` over the
classes that have people.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric


class Metric(metric.Metric):
    """See above."""

    title = "macro F1"

    def score(self, confusion: NDArray[np.number]) -> NDArray[np.float64]:
        """Of confusions (..., C, C): 2 hits / (people of the class + people given the class), 0 without a hit."""
        hits = confusion.diagonal(axis1=-2, axis2=-1).astype(np.float64)
        people, given = confusion.sum(-1), confusion.sum(-2)
        both = people + given
        values = np.divide(2 * hits, both, out=np.zeros(hits.shape), where=both > 0)
        there = people > 0
        return np.asarray((values * there).sum(-1) / there.sum(-1))
