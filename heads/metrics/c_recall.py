"""Recall by class, C-R: of the people in a class, the share who are named as it; the mean over classes.

Source: Wang et al. 2016, CNN-RNN: a unified framework for multi-label image classification, section 4: C-P, C-R and
C-F1 are averages over classes, as in Human emotion recognition with relational region-level analysis, table 2. Classes
that nobody has are left out. A class is named where its share is above one half (``heads.metrics._named``).
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFlags
from heads.metrics import _classes
from heads.metrics._named import named


class Metric(metric.Metric):
    """See above."""

    takes = "flags"
    title = "C-R"

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """(R,)."""
        return _classes.mean(self.by_class(judged))

    def by_class(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """Of each."""
        return named(judged).recall()
