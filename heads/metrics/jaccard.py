"""Jaccard coefficient: of the classes that a person has or is named as, the share that is both; the mean over people.

Source: Kosti et al. 2019, Context based emotion recognition using EMOTIC dataset; Human emotion recognition with
relational region-level analysis, section 4.3. A class is named from a threshold on, where precision equalled recall on
validation.
"""

import numpy as np
from numpy.typing import NDArray

from heads import metric
from heads.judged import JudgedFlags


class Metric(metric.Metric):
    """See above."""

    takes = "flags"
    needs = frozenset({"thresholds"})
    title = "Jaccard"

    def score(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """(R,). Everybody has a class. Raises: TypeError without thresholds."""
        return np.asarray(self.by_person(judged) @ judged.weights / judged.weights.sum(0))

    def by_person(self, judged: JudgedFlags) -> NDArray[np.float64]:
        """The share of each. Raises: TypeError without thresholds."""
        if judged.thresholds is None:
            raise TypeError("jaccard needs thresholds, which are fitted on validation")
        said = judged.logits >= judged.thresholds
        return np.asarray((said & judged.flags).sum(1) / (said | judged.flags).sum(1))
