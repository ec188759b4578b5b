"""The mean of a score, its spread over seeds and a confidence interval."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

SHARE, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)
"""What the mean of a metric, and that of the difference of two, can be."""


def two_way_interval(values: NDArray[np.float64], bounds: tuple[float, float] = DIFFERENCE) -> tuple[float, float]:
    """95 % interval of the mean of ``values`` (S, E) over other seeds and other episodes, cut to ``bounds``.

    A seed is good or bad in all episodes, a support draw is good or bad for all seeds: values are a mean plus effects
    of the seed, of the episode and of both. The variance of their mean is V + W: V the variance of the S seeds' means
    over S, W that of the E episodes' means over E less the part of V that the effects of both have in it (not below 0).
    The interval is mean -+ sqrt(t(S - 1)^2 V + t(E - 1)^2 W), t Student's at 97.5 %; seeds and episodes change places
    where E < S. Of normal effects it covers 95 %, and more (up to 98.5 %) with two or three seeds and a large W.
    With one seed only the episodes vary, with one episode only the seeds: the one-sample t interval, which knows
    nothing of other seeds or other episodes. One value alone gives ``bounds``.

    Source: Banerjee 1960, "Approximate confidence interval for linear functions of means of k populations when the
    populations are not equal", Sankhya 22; the variances: Searle, Casella and McCulloch 1992, "Variance components",
    the two-way crossed classification.
    """
    few, many = sorted(values.shape)
    cells = values if values.shape == (few, many) else values.T
    rows, columns, mean = cells.mean(1), cells.mean(0), float(cells.mean())
    if many == 1:
        return bounds
    if few == 1:
        squared = _t(many) ** 2 * columns.var(ddof=1) / many
    else:
        both = ((cells - rows[:, None] - columns + mean) ** 2).sum() / (few - 1) / (many - 1)
        rest = max(columns.var(ddof=1) / many - both / few / many, 0.0)
        squared = _t(few) ** 2 * rows.var(ddof=1) / few + _t(many) ** 2 * rest
    half = float(np.sqrt(squared))
    return max(mean - half, bounds[0]), min(mean + half, bounds[1])


def _t(count: int) -> float:
    """The 97.5 % point of Student's t for the mean of ``count`` values."""
    return float(stdtrit(count - 1, 0.975))


def over(seeds: int) -> str:
    """What the intervals of a table are over, in words."""
    return "seeds and support draws" if seeds > 1 else "support draws alone"


def summary(values: NDArray[np.float64]) -> dict[str, Any]:
    """values: (S, E) in 0..1. mean over all, ci95, the seeds' means (``values``) and their std, 0 with one seed."""
    means = values.mean(1)
    return {
        "mean": float(means.mean()),
        "std": float(means.std(ddof=1)) if len(means) > 1 else 0.0,
        "ci95": list(two_way_interval(values, SHARE)),
        "values": [float(value) for value in means],
    }
