"""Heads by the annotation's joints, as the thesis cuts the faces of clips (section 5.2.1, TSN-RGB)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.decoding import boxes

HEAD = (0, 14, 15, 16, 17)
"""Of COCO's 18 joints: nose, eyes, ears."""
MARGIN = 1.0
SEEN = 0.1
"""Least score of a joint that counts."""
NO_JOINTS = "input = 'head' takes heads from the annotation's joints, and this dataset has none"


def head(joints: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64] | str:
    """(4,) xyxy inside an image of ``size``: the square about the head's joints that are seen, twice as wide as their
    box, so that it has brow and chin; or why there is none. joints: (18, 3) x, y, score."""
    points = joints[list(HEAD)]
    seen = points[points[:, 2] >= SEEN, :2]
    if len(seen) >= 2:
        close = boxes.widen(np.concatenate([seen.min(0), seen.max(0)]), MARGIN)
        inside = boxes.clamp(boxes.square(close, *size), *size)
        if not boxes.too_small(inside.tolist()):
            return inside
    return f"{len(seen)} of the head's {len(HEAD)} joints are seen, of no size"
