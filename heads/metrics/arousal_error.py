"""Arousal error: the part of ``vad_error`` that is of arousal alone."""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedDimensions
from heads.metrics import vad_error


class Metric(metric.Metric):
    """See above."""

    takes = "dimensions"
    title = "arousal error"
    better = "lower"

    def score(self, judged: JudgedDimensions) -> NDArray[np.float64]:
        """(R,)."""
        return vad_error.errors(judged)[:, list(judged.names).index("arousal")]
