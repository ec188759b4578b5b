"""Two rows scored on the same people and resamples: their difference is known better than either of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from heads.statistics.interval import SHARE, interval
from heads.trial import Resamples, Scores


def unpaired(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Why two rows of results.json were not scored on the same; None when they were."""
    mine, theirs = one["scored_on"], other["scored_on"]
    for what in mine | theirs:
        if mine.get(what) != theirs.get(what):
            return f"not the same {what}"
    return None if one["seeds"] == other["seeds"] else "not the same seeds"


def difference(
    first: Scores, second: Scores, kind: Resamples, bounds: Sequence[float] = SHARE
) -> dict[str, Any] | None:
    """``first`` minus ``second``, both over the same seeds and resamples and within ``bounds``: mean and ci95.

    Where ``unpaired`` finds nothing the resamples are the same, so what makes one hard is in both and drops out; the
    interval is that of the differences. None when the shapes differ: then nothing is paired.
    """
    if first.resampled.shape != second.resampled.shape:
        return None
    apart = Scores(first.seeds - second.seeds, first.resampled - second.resampled)
    mean = apart.resampled.mean() if kind is Resamples.DRAWS else apart.seeds.mean()
    most = bounds[1] - bounds[0]
    return {"mean": float(mean), "ci95": list(interval(apart, kind, (-most, most)))}


def to_published(score: Mapping[str, Any], number: float) -> dict[str, Any]:
    """``score`` (mean, ci95) minus a published ``number``, which has no interval: mean and ci95."""
    low, high = score["ci95"]
    return {"mean": score["mean"] - number, "ci95": [low - number, high - number]}
