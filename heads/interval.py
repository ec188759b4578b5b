"""The mean of a score, its spread over seeds and a confidence interval."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


def two_way_interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean of ``values`` (S, E), by a two-way bootstrap.

    Each of 2000 resamples draws S seeds and E episodes with replacement, independently, and averages the cells where
    they cross: a seed is good or bad in all episodes, a support draw is good or bad for all seeds, so neither cells nor
    one of the two alone may be drawn. With one seed only the episodes vary. Repeats: the draws come from ``seed``.
    Source: Owen 2007, "The pigeonhole bootstrap".
    """
    draw = np.random.default_rng(seed)
    seeds, episodes = values.shape
    by_seed = draw.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds
    by_episode = draw.multinomial(episodes, np.full(episodes, 1 / episodes), RESAMPLES) / episodes
    means = ((by_seed @ values) * by_episode).sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def summary(values: NDArray[np.float64]) -> dict[str, Any]:
    """values: (S, E). mean over all, std over the seeds' means (0 with one seed), ci95, and the seeds' means."""
    means = values.mean(1)
    return {
        "mean": float(means.mean()),
        "std": float(means.std(ddof=1)) if len(means) > 1 else 0.0,
        "ci95": list(two_way_interval(values)),
        "values": [float(value) for value in means],
    }
