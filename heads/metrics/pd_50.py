"""Person detection at one intersection over union: COCO's AP50, a box that covers half of what both cover is right.

Source: COCO's API, AP at IoU = .50.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedBoxes
from heads.metrics._boxes import average_precision


class Metric(metric.Metric):
    """See above."""

    takes = "boxes"
    title = "PD AP50"

    def score(self, judged: JudgedBoxes) -> NDArray[np.float64]:
        """(R,)."""
        return average_precision(judged, judged.finds[0])
