"""VAD error: how far valence, arousal and dominance are from what is right, without the sign, as a share of the scale;
the mean over people, then over the three.

Source: the average absolute error of Context-based visual emotion recognition (thesis), section 4.1.1, on "values after
having been rescaled in the range [0,1]" (below eq. 4.3), which its author's published code for such labels does by
dividing 1..10 by 10. 9.43 here is .0943 there.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedDimensions
from heads.metrics import _classes


def apart(judged: JudgedDimensions) -> NDArray[np.float64]:
    """(n, D): how far each is from what is right; NaN where that is not known."""
    return np.asarray(np.abs(judged.dimensions.astype(np.float64) - judged.truth))


def errors(judged: JudgedDimensions) -> NDArray[np.float64]:
    """(R, D): of each dimension over those of whom it is known; NaN where it is of nobody."""
    every = apart(judged)
    known = ~np.isnan(judged.truth)
    total, count = judged.weights.T @ np.where(known, every, 0.0), judged.weights.T @ known
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


class Metric(metric.Metric):
    """See above."""

    takes = "dimensions"
    title = "VAD error"
    better = "lower"

    def score(self, judged: JudgedDimensions) -> NDArray[np.float64]:
        """The mean over dimensions."""
        return _classes.mean(self.by_class(judged))

    def by_class(self, judged: JudgedDimensions) -> NDArray[np.float64]:
        """Of each dimension."""
        return errors(judged)

    def by_person(self, judged: JudgedDimensions) -> NDArray[np.float64]:
        """The mean over those of a person's dimensions that are known."""
        return _classes.mean(apart(judged))
