"""From which logit on a class is named: where precision equals recall, that is where as many people are named as are in
the class.

Source: Human emotion recognition with relational region-level analysis, section 4.3, after Kosti et al. 2019.
"""

import numpy as np
from numpy.typing import NDArray


def fit(logits: NDArray[np.floating], flags: NDArray[np.bool_]) -> NDArray[np.floating]:
    """(C,): of each class the least logit that is named. logits, flags: (n, C), of validation people.

    People of one logit are named together, so that the two can be equal only nearly: then as nearly as they can, and of
    two thresholds alike the higher. A class that nobody has is never named: infinity.
    """
    every = zip(logits.T, flags.sum(0).tolist(), strict=True)
    return np.array([_threshold(scores, wanted) for scores, wanted in every], logits.dtype)


def _threshold(scores: NDArray[np.floating], wanted: int) -> float:
    """wanted: how many people are to be named."""
    values, counts = np.unique(-scores, return_counts=True)
    named = np.append(0, counts.cumsum())
    place = int(np.abs(named - wanted).argmin())
    return float(-values[place - 1]) if place else np.inf
