"""Coefficient of determination of valence, arousal and dominance: the share of the spread that is explained; the mean
over the three.

Source: scikit-learn's ``r2_score``: one minus the squared errors over the squared distances from the mean. Saying the
mean gives 0; worse than that is below. A dimension that is the same for everybody is left out.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedDimensions
from heads.metrics import _classes


class Metric(metric.Metric):
    """See above."""

    takes = "dimensions"
    title = "mR2"
    bounds = (-1e6, 1.0)

    def score(self, judged: JudgedDimensions) -> NDArray[np.float64]:
        """The mean over dimensions."""
        return _classes.mean(self.by_class(judged))

    def by_class(self, judged: JudgedDimensions) -> NDArray[np.float64]:
        """(R, D): of each dimension over those of whom it is known."""
        every = zip(judged.truth.T.astype(np.float64), judged.dimensions.T.astype(np.float64), strict=True)
        return np.stack([_explained(right, said, judged.weights) for right, said in every], 1)


def _explained(
    right: NDArray[np.float64], said: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(R,). right, said: (n,), ``right`` NaN where it is not known. weights: (n, R)."""
    known = ~np.isnan(right)
    right, said, weights = right[known], said[known], weights[known].T
    if not len(right) or right.min() == right.max():
        return np.full(len(weights), np.nan)
    apart = right - (weights @ right / weights.sum(1))[:, None]
    return np.asarray(1 - weights @ (said - right) ** 2 / (weights * apart**2).sum(1))
