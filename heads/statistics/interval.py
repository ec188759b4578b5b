"""The mean of a score, its spread over seeds and a confidence interval."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from heads.trial import Resamples, Scores

SHARE, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)
"""What the mean of a metric, and that of the difference of two, can be."""


def two_way_interval(values: NDArray[np.float64], bounds: tuple[float, float] = DIFFERENCE) -> tuple[float, float]:
    """95 % interval of the mean of ``values`` (S, E) over other seeds and other draws, cut to ``bounds``.

    A seed is good or bad in all draws, a draw is good or bad for all seeds: values are a mean plus effects of the seed,
    of the draw and of both. The variance of their mean is V + W: V the variance of the S seeds' means over S, W that of
    the E draws' means over E less the part of V that the effects of both have in it (not below 0).
    The interval is mean -+ sqrt(t(S - 1)^2 V + t(E - 1)^2 W), t Student's at 97.5 %; seeds and draws change places
    where E < S. Of normal effects it covers 95 %, and more (up to 98.5 %) with two or three seeds and a large W.
    With one seed only the draws vary, with one draw only the seeds: the one-sample t interval, which knows nothing of
    other seeds or other draws. One value alone gives ``bounds``.

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


def bootstrap_interval(scores: Scores, bounds: tuple[float, float] = DIFFERENCE) -> tuple[float, float]:
    """95 % interval of the mean over seeds of ``scores``, over other seeds and other data, cut to ``bounds``.

    resampled: each column is the score again on resampled data, the same for all seeds, so that its variance is the
    score's own. The variance of the mean is V + W as in ``two_way_interval``: V that of the S seeds' scores over S, W
    that of the columns' means less what the effects of both have in it, which V counts too. The interval is mean -+
    sqrt(t(S - 1)^2 V + z^2 W), z the normal 97.5 % point. With one seed only the data vary.
    """
    count, many = scores.resampled.shape
    mean, columns = float(scores.seeds.mean()), scores.resampled.mean(0)
    if many == 1:
        return bounds
    squared = float(ndtri(0.975)) ** 2 * columns.var(ddof=1)
    if count > 1:
        rows = scores.resampled.mean(1, keepdims=True)
        both = ((scores.resampled - rows - columns + columns.mean()) ** 2).sum() / (count - 1) / (many - 1)
        rest = max(columns.var(ddof=1) - both / count, 0.0)
        squared = _t(count) ** 2 * scores.seeds.var(ddof=1) / count + float(ndtri(0.975)) ** 2 * rest
    half = float(np.sqrt(squared))
    return max(mean - half, bounds[0]), min(mean + half, bounds[1])


def interval(scores: Scores, kind: Resamples, bounds: tuple[float, float] = DIFFERENCE) -> tuple[float, float]:
    """95 % interval of the mean over seeds, by what the resamples are."""
    if kind is Resamples.DRAWS:
        return two_way_interval(scores.resampled, bounds)
    return bootstrap_interval(scores, bounds)


def _t(count: int) -> float:
    """The 97.5 % point of Student's t for the mean of ``count`` values."""
    return float(stdtrit(count - 1, 0.975))


def over(seeds: int, resampled: str) -> str:
    """What the intervals of a table are over, in words. resampled: what is, beside seeds (``Protocol.over``)."""
    return f"seeds and {resampled}" if seeds > 1 else f"{resampled} alone"


def summary(scores: Scores, kind: Resamples, bounds: tuple[float, float] = SHARE) -> dict[str, Any]:
    """Of a score within ``bounds``: mean over all, ci95, the seeds' means (``values``) and their std, 0 with one
    seed."""
    means = scores.seeds
    return {
        "mean": float(means.mean()),
        "std": float(means.std(ddof=1)) if len(means) > 1 else 0.0,
        "ci95": list(interval(scores, kind, bounds)),
        "values": [float(value) for value in means],
    }
