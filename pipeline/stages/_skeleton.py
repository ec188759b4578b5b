"""Joints as numbers a head can use: coordinates about a reference joint, and distances of Laban movement analysis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]
JOINTS = 25
"""Of the body, in OpenPose's BODY_25 order; these places of it are used by name."""
NOSE, NECK, HIP = 0, 1, 8
SHOULDERS, WRISTS, HIPS, ANKLES = (5, 2), (7, 4), (12, 9), (14, 11)
"""Left, right."""
LMA = (
    "feet_hip",
    "hands_shoulder",
    "hands_head",
    "centroid_pelvis",
    "feet",
    "hands",
    "torso_height",
)


class Joints(NamedTuple):
    """places: (..., k, 2), zero where not seen. seen: (..., k)."""

    places: Floats
    seen: Bools


def joints(points: Floats, box: Floats, threshold: float) -> Joints:
    """``points`` (n, ..., k, 3), x, y in pixels and score, as fractions of ``box`` (n, 4): its top left corner is
    (0, 0), its bottom right one (1, 1). A point whose score is less than ``threshold`` is not seen."""
    corner, size = box[:, :2], box[:, 2:] - box[:, :2]
    shape = (len(box), *[1] * (points.ndim - 2), 2)
    seen = points[..., 2] >= threshold
    return Joints(np.where(seen[..., None], (points[..., :2] - corner.reshape(shape)) / size.reshape(shape), 0), seen)


def about(found: Joints, origin: Floats) -> Floats:
    """(..., k, 2) ``found`` with ``origin`` (..., 2) as (0, 0); zero where not seen."""
    return np.where(found.seen[..., None], found.places - origin[..., None, :], 0)


def lma(body: Joints) -> Floats:
    """(n, 7) distances, in LMA's order, of ``body``'s (n, 25) joints; of two sides the mean, or the one that is seen.

    0 where neither is. feet_hip, hands_shoulder: of one side, ankle to hip, wrist to shoulder. hands_head: wrist to
    nose. centroid_pelvis: mean of all joints that are seen, to the middle of the hips. feet, hands: left to right
    ankle, left to right wrist. torso_height: neck to the middle of the hips.
    """
    count = body.seen.sum(1, keepdims=True)
    centroid = Joints(body.places.sum(1, keepdims=True) / np.maximum(count, 1)[..., None], count > 0)
    return np.stack(
        [
            _distance(_pick(body, ANKLES), _pick(body, HIPS)),
            _distance(_pick(body, WRISTS), _pick(body, SHOULDERS)),
            _distance(_pick(body, WRISTS), _pick(body, (NOSE,))),
            _distance(centroid, _pick(body, (HIP,))),
            _distance(_pick(body, ANKLES[:1]), _pick(body, ANKLES[1:])),
            _distance(_pick(body, WRISTS[:1]), _pick(body, WRISTS[1:])),
            _distance(_pick(body, (NECK,)), _pick(body, (HIP,))),
        ],
        axis=1,
    )


def _pick(body: Joints, at: tuple[int, ...]) -> Joints:
    return Joints(body.places[:, list(at)], body.seen[:, list(at)])


def _distance(one: Joints, other: Joints) -> Floats:
    """(n,) mean distance over the pairs of which both are seen; 0 where none is. Each (n, pairs) or (n, 1)."""
    both = one.seen & other.seen
    lengths = np.linalg.norm(one.places - other.places, axis=-1)
    mean: Floats = np.where(both, lengths, 0).sum(1) / np.maximum(both.sum(1), 1)
    return mean
