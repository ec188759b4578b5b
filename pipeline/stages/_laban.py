"""The 54 features of Laban movement analysis of Table 5.1, and their arithmetic on joints of which some are missing.

A missing value is NaN here; a mean over two sides, or over time, is that of the values that are there.
Source: Context-based visual emotion recognition (thesis), section 5.1.4, eq. 5.13 to 5.15 and Table 5.1, after ARBEE:
Luo et al. 2020.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NOSE, NECK = 0, 1
PARTS = {"shoulders": (2, 5), "elbows": (3, 6), "hands": (4, 7), "hip": (8, 11), "knees": (9, 12), "feet": (10, 13)}
"""Right, left, in COCO's order of 18. Hands are wrists, feet are ankles."""
EYES, EARS = (14, 15), (16, 17)
SHOULDERS, ELBOWS, HANDS, HIPS, KNEES, FEET = PARTS.values()
_CHAINS = ((SHOULDERS, ELBOWS, HANDS), (HIPS, KNEES, FEET))
LIMBS = (
    *((NECK, joint) for joint in (NOSE, *SHOULDERS, *HIPS)),
    *((one[side], other[side]) for chain in _CHAINS for one, other in pairwise(chain) for side in (0, 1)),
    *((NOSE, joint) for joint in EYES),
    *zip(EYES, EARS, strict=True),
)
"""The 17 of OpenPose's skeleton."""
_NECK, _NOSE = (NECK, NECK), (NOSE, NOSE)
ANGLES = {
    "feet_knee_hip": (FEET, KNEES, KNEES, HIPS),
    "hip_neck_shoulder": (HIPS, _NECK, _NECK, SHOULDERS),
    "shoulder_elbow_wrist": (SHOULDERS, ELBOWS, ELBOWS, HANDS),
    "shoulder_neck_nose": (SHOULDERS, _NECK, _NECK, _NOSE),
    "neck_nose_ear": (_NECK, _NOSE, _NOSE, EARS),
    "nose_ear_eye": (_NOSE, EARS, EARS, EYES),
    "hip_neck_nose": (HIPS, _NECK, _NECK, _NOSE),
    "knee_hip_neck": (KNEES, HIPS, HIPS, _NECK),
}
"""i, j, m, n of eq. 5.15, right and left: the angle between the limb from j to i and that from n to m."""
_HEAD = (NOSE, *EYES, *EARS)
VOLUMES = {
    "volume": tuple(range(18)),
    "volume_upper": (NECK, *_HEAD, *SHOULDERS, *ELBOWS, *HANDS),
    "volume_lower": (*HIPS, *KNEES, *FEET),
    "volume_left": (*(part[1] for part in PARTS.values()), EYES[1], EARS[1]),
    "volume_right": (*(part[0] for part in PARTS.values()), EYES[0], EARS[0]),
}
DISTANCES = ("feet_hip", "hands_shoulder", "hands", "hands_head", "centroid_pelvis", "gait")
NAMES = (
    *DISTANCES,
    *(f"angle_{name}" for name in ANGLES),
    *(f"velocity_{name}" for name in PARTS),
    *(f"angular_velocity_{name}" for name in ANGLES),
    *(f"acceleration_{name}" for name in PARTS),
    *(f"angular_acceleration_{name}" for name in ANGLES),
    *(f"jerk_{name}" for name in PARTS),
    *VOLUMES,
    "torso_height",
)
"""In Table 5.1's order of kinds: f1 to f4, f8, f9; f10; velocities; f38; accelerations; f39; jerks; f19 to f23; f24."""


def scale(places: Floats) -> float:
    """Eq. 5.13: the mean length of the limbs that are seen over all frames of ``places`` (t, 18, 2), NaN where missing.

    NaN when no limb is seen, or all have no length.
    """
    one, other = (places[:, list(ends)] for ends in zip(*LIMBS, strict=True))
    length = float(_mean(np.linalg.norm(one - other, axis=-1), (0, 1)))
    return length if length > 0 else float("nan")


def features(places: Floats, gaps: Floats) -> Floats:
    """(t, 54) of ``places`` (t, 18, 2), which are over ``scale``. gaps: (t - 1,) frames between a row and the next.

    NaN where joints are missing, and in the last one, two or three rows of what is taken from later ones.
    """
    angles = np.stack([_mean(_angle(places, *ends), 1) for ends in ANGLES.values()], axis=1)
    velocity = _slope(places, gaps)
    acceleration = _slope(velocity, gaps)
    jerk = _slope(acceleration, gaps)
    turning = _slope(angles, gaps)
    parts = [_body(places), angles, _speeds(velocity), turning, _speeds(acceleration)]
    parts += [_slope(turning, gaps), _speeds(jerk), _shape(places)]
    return np.concatenate(parts, axis=1)


def statistics(values: Floats) -> Floats:
    """(4 d,): maximum, minimum, mean and standard deviation over the rows of ``values`` (t, d) that are not NaN; of a
    column without any NaN."""
    return np.concatenate([_over_rows(reduce, values) for reduce in (np.nanmax, np.nanmin, np.nanmean, np.nanstd)])


def _body(places: Floats) -> Floats:
    """(t, 6), in DISTANCES' order."""
    pelvis, centroid = (_mean(places[:, list(joints)], 1) for joints in (HIPS, range(18)))
    pelvis = np.where(np.isnan(places[:, list(HIPS)]).any(1), np.nan, pelvis)
    return np.stack(
        [
            _mean(_distance(places, FEET, HIPS), 1),
            _mean(_distance(places, HANDS, SHOULDERS), 1),
            _distance(places, HANDS[:1], HANDS[1:])[:, 0],
            _mean(_distance(places, HANDS, _NOSE), 1),
            np.linalg.norm(centroid - pelvis, axis=-1),
            _distance(places, FEET[:1], FEET[1:])[:, 0],
        ],
        axis=1,
    )


def _shape(places: Floats) -> Floats:
    """(t, 6): the areas of the boxes about VOLUMES' joints that are seen, two at least; neck to pelvis."""
    areas = []
    for joints in VOLUMES.values():
        some = places[:, list(joints)]
        low, high = (_over_rows(reduce, some.swapaxes(0, 1)) for reduce in (np.nanmin, np.nanmax))
        areas.append(np.where((~np.isnan(some[..., 0])).sum(1) >= 2, np.prod(high - low, axis=-1), np.nan))
    pelvis = places[:, list(HIPS)].mean(1)
    return np.stack([*areas, np.linalg.norm(places[:, NECK] - pelvis, axis=-1)], axis=1)


def _distance(places: Floats, one: Sequence[int], other: Sequence[int]) -> Floats:
    """(t, pairs)."""
    return np.asarray(np.linalg.norm(places[:, list(one)] - places[:, list(other)], axis=-1))


def _angle(places: Floats, *ends: Sequence[int]) -> Floats:
    """(t, 2) in radians, 0 to pi; NaN where a limb has no length."""
    i, j, m, n = (places[:, list(joints)] for joints in ends)
    lengths = np.linalg.norm(i - j, axis=-1) * np.linalg.norm(m - n, axis=-1)
    cosine = ((i - j) * (m - n)).sum(-1) / np.where(lengths > 0, lengths, np.nan)
    return np.asarray(np.arccos(np.clip(cosine, -1, 1)))


def _slope(values: Floats, gaps: Floats) -> Floats:
    """Eq. 5.14: from each row to the next, over the frames between; the last row is NaN."""
    out = np.full_like(values, np.nan)
    out[:-1] = np.diff(values, axis=0) / gaps.reshape(-1, *[1] * (values.ndim - 1))
    return out


def _speeds(vectors: Floats) -> Floats:
    """(t, 6) lengths of ``vectors`` (t, 18, 2), the mean of two sides."""
    lengths = np.linalg.norm(vectors, axis=-1)
    return np.stack([_mean(lengths[:, list(joints)], 1) for joints in PARTS.values()], axis=1)


def _mean(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of nothing but NaN, which is NaN
        return np.asarray(np.nanmean(values, axis))


def _over_rows(reduce: Callable[..., Floats], values: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # as above
        return np.asarray(reduce(values, axis=0))
