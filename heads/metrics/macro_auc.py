"""Area under the ROC curve, macro: how often somebody in a class has a higher score than somebody who is not, a tie
counting half; the mean over classes.

Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic curve". A
class that nobody has, or everybody, is left out. Saying nothing gives one half.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFlags, Ranking
from heads.metrics import _classes


def area(ranking: Ranking) -> NDArray[np.float64]:
    """(R,); there are people outside the class."""
    order = ranking.order
    outside = np.bincount(order.rows[~order.right], minlength=len(ranking.weights)) @ ranking.weights
    above = ranking.mean(ranking.named) - ranking.mean(ranking.found)
    if order.tied.any():
        above -= ranking.mean(ranking.tied) / 2
    return np.asarray(1 - above / outside)


class Metric(metric.Metric):
    """See above."""

    takes = "flags"
    title = "macro AUC"

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """The mean over classes."""
        return _classes.mean(self.by_class(judged))

    def by_class(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """The area of each."""
        everybody: list[bool] = np.asarray(judged.flags.all(0)).tolist()
        nothing = np.full(judged.weights.shape[1], np.nan)
        every = zip(judged.rankings, everybody, strict=True)
        return np.stack([nothing if one is None or whole else area(one) for one, whole in every], 1)
