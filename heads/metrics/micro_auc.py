"""Area under the ROC curve, micro: all pairs of a person and a class as one list, by their scores.

Source: scikit-learn's ``roc_auc_score(average="micro")``. Knowing how often each class occurs is enough to be far above
one half: report ``macro_auc`` beside it.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFlags, Order, Ranking
from heads.metrics import macro_auc


class Metric(metric.Metric):
    """See above."""

    takes = "flags"
    title = "micro AUC"

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """(R,); NaN where every pair is right, or none."""
        if judged.flags.all() or not judged.flags.any():
            return np.full(judged.weights.shape[1], np.nan)
        who = np.repeat(np.arange(len(judged.flags)), judged.flags.shape[1])
        order = Order.of(judged.logits.ravel(), judged.flags.ravel(), who)
        return macro_auc.area(Ranking(order, judged.weights))
