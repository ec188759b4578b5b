"""On-the-field emotion recognition: a person's classes count only where the person was found.

Source: knowledge amalgamation (seeds/002), section 4.2, after Cladiere et al. 2023: a person's emotion "is
automatically counted as a false negative if the model was not previously able to correctly estimate its bounding box".
What they leave open is settled so:

- Found is who a box was found for whose intersection over union with the annotated one is 0.5 or more. Boxes choose by
  their scores, the highest first, each the person that it covers best among those who are still free.
- A found person is told by the logits of the found box, not of the annotated one.
- Who was not found has no score at any threshold: never named, neither rightly nor wrongly, but among those that recall
  is a share of. So average precision sums, over the found people of the class, the precision among found people at
  their score, and divides by all people of the class: 0 with nobody found, and with everybody found ``er`` by the found
  boxes.
- A found box that is nobody's names nobody of those who are judged and is left out; ``pd`` counts it.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFound, Order, Ranking
from heads.metrics import _classes


class Metric(metric.Metric):
    """See above."""

    takes = "found"
    title = "OER mAP"

    def score(self, judged: JudgedFound) -> NDArray[np.float64]:
        """The mean over classes."""
        return _classes.mean(self.by_class(judged))

    def by_class(self, judged: JudgedFound) -> NDArray[np.float64]:
        """Average precision of each, NaN of a class that nobody has."""
        weights, flags = judged.flags.weights, judged.flags.flags
        gained = np.stack([_summed(one, weights) for one in judged.orders], 1)
        total = np.stack([weights[right].sum(0) for right in flags.T], 1)
        return np.asarray(np.divide(gained, total, out=np.full(total.shape, np.nan), where=total > 0))


def _summed(order: Order | None, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R,): precision, summed over those who are found and in the class."""
    if order is None:
        return np.zeros(weights.shape[1])
    ranking = Ranking(order, weights)
    return np.asarray((ranking.gained * ranking.precision).sum(0))
