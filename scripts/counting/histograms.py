"""Values counted into bins, split by split."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

QUANTILES = (0, 5, 25, 50, 75, 95, 100)
"""Per cent of the values that are at most the number told."""
RATINGS = tuple(place + 0.5 for place in range(11))
"""Ten bins around 1 to 10."""
PIXELS = (0.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
SHARES = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""Per cent of an image's area."""
FRAMES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
FEW = tuple(map(float, range(1, 11)))
"""1 to 9, then 10 and more."""


class Kind(NamedTuple):
    """title: of what. unit: of the values. edges: where bins begin, each without its end; what is at the last one or
    above it is in one bin, or, where ``closed``, the last edge ends the last bin and belongs to it."""

    title: str
    unit: str
    edges: Sequence[float]
    closed: bool = False

    @property
    def names(self) -> list[str]:
        """Of the bins."""
        if self.closed:
            return [f"{start + 0.5:g}" for start in self.edges[:-1]]
        if self.edges == FEW:
            return [*(f"{start:g}" for start in FEW[:-1]), f"{FEW[-1]:g}+"]
        return [f"{self.edges[-1]:g}+" if start == self.edges[-1] else f"{start:g}" for start in self.edges]


def histogram(kind: Kind, values: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """values: (n,) by split; NaN is not known. Returns a JSON object: edges, and counts, mean and quantiles by split;
    mean and quantiles are null where nothing is known."""
    ends = kind.edges if kind.closed else [*kind.edges, np.inf]
    splits = {split: _counted(np.asarray(found, np.float64), ends) for split, found in values.items()}
    return {"title": kind.title, "unit": kind.unit, "edges": list(kind.edges), "bins": kind.names, "splits": splits}


def _counted(values: NDArray[np.float64], ends: Sequence[float]) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    quantiles = np.percentile(known, QUANTILES).tolist() if len(known) else [None] * len(QUANTILES)
    return {
        "known": len(known),
        "unknown": len(values) - len(known),
        "counts": np.histogram(known, ends)[0].tolist(),
        "mean": float(known.mean()) if len(known) else None,
        "std": float(known.std()) if len(known) else None,
        "quantiles": {str(share): value for share, value in zip(QUANTILES, quantiles, strict=True)},
    }
