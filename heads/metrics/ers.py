"""Emotion recognition score: half of it how much of valence, arousal and dominance is explained, half how well classes
are told, by average precision and by the area under the ROC curve alike.

Source: thesis (seeds/003), eq. 5.16: (mR2 + (mAP + mRA) / 2) / 2, after Luo et al. 2020, ARBEE: towards automated
recognition of bodily expression of emotion in the wild.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedBoth
from heads.metrics import macro_auc, map, r2


class Metric(metric.Metric):
    """See above."""

    takes = "both"
    title = "ERS"
    bounds = (-1e6, 1.0)

    def score(self, judged: JudgedBoth) -> NDArray[np.float64]:
        """(R,)."""
        told = (map.Metric().score(judged.flags) + macro_auc.Metric().score(judged.flags)) / 2
        return np.asarray((r2.Metric().score(judged.dimensions) + told) / 2)
