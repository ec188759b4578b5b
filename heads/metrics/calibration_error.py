"""Calibration error: how far shares are from how often they are right. All pairs of a person and a class are sorted
into 15 bins of equal width by their share; in each, the mean share minus how often it is right, without its sign; the
mean over all pairs.

Source: Guo et al. 2017, On calibration of modern neural networks, eq. 3, with the share of the class in place of the
confidence in it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from heads import metric
from heads.judged import JudgedFlags

BINS = 15


class Metric(metric.Metric):
    """See above."""

    takes = "flags"
    title = "calibration error"
    better = "lower"

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """(R,)."""
        shares = expit(judged.logits.astype(np.float64))
        people, classes = shares.shape
        bins = np.minimum((shares * BINS).astype(np.int64), BINS - 1) + BINS * np.arange(people)[:, None]
        apart = np.bincount(bins.ravel(), (shares - judged.flags).ravel(), BINS * people).reshape(people, BINS)
        return np.asarray(np.abs(judged.weights.T @ apart).sum(1) / (classes * judged.weights.sum(0)))
