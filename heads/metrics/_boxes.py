"""Average precision of boxes as COCO counts it.

Source: Lin et al. 2014, Microsoft COCO: common objects in context, and the code of its API, ``COCOeval.accumulate``:
precision at 101 recalls, 0 to 1 by 0.01, each the best that there is at this recall or a greater one, and 0 beyond the
last.
"""

import numpy as np
from numpy.typing import NDArray

from heads.judged import JudgedBoxes, Order, Ranking

Array = NDArray[np.float64]
RECALLS = np.linspace(0, 1, 101)
_ROUNDED = 1e-12
"""By which the sum of all weights, added up in another order, may miss itself."""


def average_precision(judged: JudgedBoxes, finds: Order) -> Array:
    """(R,): of one of ``judged.finds``; 0 where no box is anybody's, NaN where there is nobody."""
    total = judged.people @ judged.weights
    if not finds.right.any():
        return np.where(total > 0, 0.0, np.nan)
    ranking = Ranking(finds, judged.weights)
    recall = ranking.found / total
    recall[recall > 1 - _ROUNDED] = 1.0
    best = np.maximum.accumulate(ranking.precision[::-1], axis=0)[::-1]
    return np.array([_mean(*pair) for pair in zip(recall.T, best.T, strict=True)])


def _mean(recall: Array, best: Array) -> float:
    """recall: (k,), rising. best: (k,) precision at it or beyond."""
    places = np.searchsorted(recall, RECALLS, side="left")
    return float(np.append(best, 0.0)[places].mean())
