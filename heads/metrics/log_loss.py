"""Log loss: binary cross-entropy of every share, the mean over people and classes."""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFlags


class Metric(metric.Metric):
    """See above, in nats."""

    takes = "flags"
    title = "log loss"
    unit = ""
    scale = 1.0
    better = "lower"
    bounds = (0.0, 1e6)

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """(R,)."""
        signed = np.where(judged.flags, -1.0, 1.0) * judged.logits
        return np.asarray(np.logaddexp(0.0, signed).mean(1) @ judged.weights / judged.weights.sum(0))
