"""Two heads over the same episodes: their difference is known better than either of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heads.episodes import Counts
from heads.interval import two_way_interval
from heads.metrics import accuracy, macro_accuracy

METRICS = {"accuracy": accuracy, "macro_accuracy": macro_accuracy}


def scores(counts: Counts) -> dict[str, NDArray[np.float64]]:
    """Metric -> (S, E)."""
    return {name: metric.score(*counts) for name, metric in METRICS.items()}


def unpaired(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Why two rows of results.json were not scored on the same episodes; None when they were."""
    mine, theirs = one["scored_on"], other["scored_on"]
    if mine["people"] != theirs["people"]:
        return "not the same test people"
    if one["settings"]["shots"] != other["settings"]["shots"]:
        return "other shots"
    if mine["support"] != theirs["support"]:
        return "other support draws"
    return None if one["seeds"] == other["seeds"] else "other seeds"


def difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> dict[str, Any] | None:
    """``first`` minus ``second``, both (S, E) over the same seeds and support draws: mean and ci95, in -1..1.

    Where ``unpaired`` finds nothing the draws are the same, so what makes an episode hard is in both and drops out; the
    interval is that of the differences. None when the shapes differ: then nothing is paired.
    """
    if first.shape != second.shape:
        return None
    apart = first - second
    return {"mean": float(apart.mean()), "ci95": list(two_way_interval(apart))}
