"""Mean average precision: for each class, precision averaged over the people who are in it, each at his own score; then
the mean over classes.

Source: scikit-learn's ``average_precision_score``: the sum over scores, from the highest down, of the recall gained
times the precision there, nothing interpolated. A class that nobody has is left out.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFlags, Ranking
from heads.metrics import _classes


def average_precision(ranking: Ranking) -> NDArray[np.float64]:
    """(R,)."""
    return ranking.mean(ranking.precision)


class Metric(metric.Metric):
    """See above. What says nothing has the share of people who are in the class."""

    takes = "flags"
    title = "mAP"

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """The mean over classes."""
        return _classes.mean(self.by_class(judged))

    def by_class(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """Average precision of each."""
        return _classes.of_rankings(judged, average_precision)
