"""Person detection: COCO's AP of one class, the mean over intersections over union of .50 to .95 by .05.

Source: knowledge amalgamation (seeds/002), section 4.2; COCO's API: the 100 boxes of an image with the highest scores,
all sizes.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedBoxes
from heads.metrics._boxes import average_precision


class Metric(metric.Metric):
    """See above."""

    takes = "boxes"
    title = "PD AP"

    def score(self, judged: JudgedBoxes) -> NDArray[np.float64]:
        """(R,)."""
        return np.asarray(np.mean([average_precision(judged, one) for one in judged.finds], 0))
