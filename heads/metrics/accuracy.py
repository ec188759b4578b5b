"""Micro accuracy: the share of all queries that were recognised."""

import numpy as np
from numpy.typing import NDArray


def score(correct: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    """correct: (..., C) recognised queries per class. total: (C,) all of them. Returns (...,) in 0..1.

    Source: Affect-DML, tables II to IV. The largest class decides much of it: report macro accuracy beside it.
    """
    return np.asarray(correct.sum(-1) / total.sum())
