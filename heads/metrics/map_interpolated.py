"""Mean average precision, interpolated: precision counts as the best that there is at this recall or a greater one.

Source: Everingham et al. 2010, The PASCAL visual object classes challenge, as of 2010: the envelope of precision over
recall, and the area below it at every recall that occurs. EMOTIC's authors measure in this form; it is never less than
``map``, and most above it where few people are in a class.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFlags, Ranking
from heads.metrics import _classes


def average_precision(ranking: Ranking) -> NDArray[np.float64]:
    """(R,)."""
    return ranking.mean(np.maximum.accumulate(ranking.precision[::-1], axis=0)[::-1])


class Metric(metric.Metric):
    """See above."""

    takes = "flags"
    title = "mAP interpolated"

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """The mean over classes."""
        return _classes.mean(self.by_class(judged))

    def by_class(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """Average precision of each."""
        return _classes.of_rankings(judged, average_precision)
