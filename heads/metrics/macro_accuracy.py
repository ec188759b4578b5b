"""Macro accuracy: the mean over classes of the share of a class's queries that were recognised."""

import numpy as np
from numpy.typing import NDArray


def score(correct: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    """correct: (..., C) recognised queries per class. total: (C,), none of them 0. Returns (...,) in 0..1.

    Guessing, and always naming one class, both give 1 / C.
    """
    return np.asarray((correct / total).mean(-1))
