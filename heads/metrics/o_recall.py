"""Overall recall, O-R: of all that is right, of whatever person and class, the share that is named.

Source: Wang et al. 2016, CNN-RNN: a unified framework for multi-label image classification, section 4: O-P, O-R and
O-F1 are over all pairs of a person and a class, as in Human emotion recognition with relational region-level analysis,
table 2. A class is named where its share is above one half (``heads.metrics._named``).
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFlags
from heads.metrics._named import named


class Metric(metric.Metric):
    """See above."""

    takes = "flags"
    title = "O-R"

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """(R,)."""
        return named(judged).overall_recall()
