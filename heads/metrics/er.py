"""Emotion recognition of people in annotated boxes: mean average precision over the classes, all people of all images
together, each by what the head says of the box that was annotated.

Source: knowledge amalgamation (seeds/002), section 4.2. How average precision is counted is not said there: as in
``map``.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFlags
from heads.metrics import _classes
from heads.metrics.map import average_precision


class Metric(metric.Metric):
    """See above. What says nothing has the share of people who are in the class."""

    takes = "people"
    title = "ER mAP"

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """The mean over classes."""
        return _classes.mean(self.by_class(judged))

    def by_class(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """Average precision of each."""
        return _classes.of_rankings(judged, average_precision)
