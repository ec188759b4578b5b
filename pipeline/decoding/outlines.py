"""Borders of masks as polygons, for whoever draws or tells them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.decoding.regions import Region

HALF = 128
"""Of a mask's 255: from here on it is inside."""
LEAST_PART = 0.05
"""Of the largest piece's area: smaller pieces are crumbs."""
COARSE = 1.0
"""How far a polygon may run beside the border, in the mask's pixels."""


def outlines(values: NDArray[np.uint8], region: Region) -> list[NDArray[np.float64]]:
    """Of a mask ``values`` (s, s) that fills ``region``, its pieces, the largest first: (n, 2) x, y in image pixels.

    Holes in a piece are not told. [] for a mask that is empty.
    """
    import cv2

    inside = (values >= HALF).astype(np.uint8)
    found = [piece for piece in cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0] if len(piece) > 2]
    areas = [cv2.contourArea(piece) for piece in found]
    order = [at for at in np.argsort(areas)[::-1] if areas[at] >= max(LEAST_PART * max(areas), 1)]
    coarse = [cv2.approxPolyDP(found[at], COARSE, closed=True)[:, 0] for at in order]
    return [region.to_image((piece + 0.5) / len(values)) for piece in coarse]
