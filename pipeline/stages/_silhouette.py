"""A person's silhouette, as ``mask`` and ``pose`` by BlazePose give it: 256 x 256 on a square that may be turned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.spec import ArraySpec
from pipeline.decoding import regions
from pipeline.decoding.outlines import HALF, outlines

SIDE = 256
MASK = ArraySpec((SIDE, SIDE), "uint8", "probability of the person on the square of region, 0..255", compressed=True)


def stored(probabilities: NDArray[np.floating]) -> NDArray[np.uint8]:
    """``probabilities`` (256, 256) of 0..1 as MASK has them."""
    return np.asarray(np.rint(255 * probabilities), np.uint8)


def told(row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """How much of the square is the person, and the outline: polygons of x, y in image pixels.

    row: ``mask`` and ``region``, as ``regions.written``.
    """
    pieces = outlines(row["mask"], regions.read(row["region"]))
    return {
        "person": round(float((row["mask"] >= HALF).mean()), 3),
        "outline": [np.round(piece, 1).tolist() for piece in pieces],
    }
