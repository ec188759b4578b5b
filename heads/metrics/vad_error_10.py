"""VAD error on the scale of 1 to 10 that people are rated on: ten times ``vad_error``, whose 0..1 is that by ten."""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedDimensions
from heads.metrics import _classes, vad_error


class Metric(metric.Metric):
    """See above."""

    takes = "dimensions"
    title = "VAD error of 1..10"
    unit = ""
    scale = 1.0
    better = "lower"
    bounds = (0.0, 10.0)

    def score(self, judged: JudgedDimensions) -> NDArray[np.float64]:
        """The mean over dimensions."""
        return _classes.mean(self.by_class(judged))

    def by_class(self, judged: JudgedDimensions) -> NDArray[np.float64]:
        """Of each dimension."""
        return 10 * vad_error.errors(judged)
