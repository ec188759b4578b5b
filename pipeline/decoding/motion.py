"""Optical flow as OpenCV computes it, on the CPU.

Here and not among the networks, since this is the room that knows OpenCV.
Source: dis: Kroeger et al. 2016, Fast optical flow using dense inverse search; farneback: Farnebäck 2003, Two-frame
motion estimation based on polynomial expansion.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Fields = NDArray[np.float32]
LEVELS, WINDOW, ITERATIONS, NEIGHBOURS, SIGMA = 5, 15, 3, 5, 1.1
"""Of ``farneback``: levels, each half the last; pixels averaged over; steps of a level; pixels and smoothing of the
polynomials."""


_NEW: Any = None
"""Where a field is to be written: a new array."""


def dis(first: Frames, second: Frames, preset: str = "MEDIUM") -> Fields:
    """(n, 2, h, w), x then y in pixels, of grey frames (n, h, w). preset: MEDIUM, FAST or ULTRAFAST."""
    import cv2

    flow = cv2.DISOpticalFlow.create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{preset}"))
    return _stacked(first, [flow.calc(one, other, _NEW) for one, other in zip(first, second, strict=True)])


def farneback(first: Frames, second: Frames) -> Fields:
    """As ``dis``."""
    import cv2

    pairs = zip(first, second, strict=True)
    settings = (0.5, LEVELS, WINDOW, ITERATIONS, NEIGHBOURS, SIGMA, 0)
    return _stacked(first, [cv2.calcOpticalFlowFarneback(one, other, _NEW, *settings) for one, other in pairs])


def _stacked(frames: Frames, fields: list[Any]) -> Fields:
    if not fields:
        return np.zeros((0, 2, *frames.shape[1:]), np.float32)
    return np.ascontiguousarray(np.stack(fields).transpose(0, 3, 1, 2))


METHODS: dict[str, Callable[[Frames, Frames], Fields]] = {
    "dis": dis,
    "dis_ultrafast": partial(dis, preset="ULTRAFAST"),
    "farneback": farneback,
}
