"""BlazePose: where a person is in a region of an image, and the 33 joints of whoever fills one.

Source: Bazarevsky et al. 2020, "BlazePose: On-device Real-time Body Pose tracking"; the options of MediaPipe's
graphs pose_detection_cpu, pose_detection_to_roi and tensors_to_pose_landmarks_and_segmentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.decoding import regions
from pipeline.decoding.regions import Region
from pipeline.networks import tflite

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Floats = NDArray[np.floating]
LANDMARKS, DETECTION = "mediapipe/pose_landmark_full", "mediapipe/pose_detection"
JOINTS = 33
POINTS = 39
"""The joints, the middle of the hips, the point that tells size and rotation, and four more of the hands."""
SIDE, SEARCHED = 256, 224
STRIDES = (8, 16, 32, 32, 32)
ANCHORS = 2254
CERTAIN = 0.5
"""Least score of a detection."""
SAME_PERSON = 0.3
"""Least IoU of two face boxes that are of one person."""
SCALE = 1.25
"""Of the circle about the hips that holds the body: the side of the landmarks' square in diameters."""


class Body(NamedTuple):
    """places: (39, 2) x, y in fractions of the region. visible, present: (39,) 0..1, whether a point is seen, and
    whether it is in the region. score: 0..1, that there is a person. world: (39, 3) metres about the hips, x and y
    along the region's sides. mask: (256, 256) logits of what is the person.
    """

    places: Floats
    visible: Floats
    present: Floats
    score: float
    world: Floats
    mask: Floats


class Candidates(NamedTuple):
    """scores (n,); faces (n, 4) xyxy and points (n, 4, 2), in fractions of what was searched: middle of the hips, size
    and rotation of the body, middle of the shoulders, size and rotation of the upper body."""

    scores: Floats
    faces: Floats
    points: Floats


class Detector:
    """Where people are; safe in many threads at once."""

    def __init__(self, weights: Weights) -> None:
        """Raises: WeightsError."""
        made = [(1, ANCHORS, 12), (1, ANCHORS, 1)]
        self.network = tflite.load(weights, DETECTION, [(1, SEARCHED, SEARCHED, 3)], made)
        self.anchors = anchors()

    def find(self, pixels: NDArray[np.uint8]) -> Candidates:
        """The people in ``pixels`` (224, 224, 3) RGB, the surest first, one candidate each."""
        values, logits = self.network(2 * tflite.fractions(pixels) - 1)
        scores = sigmoid(logits[:, 0])
        sure = np.flatnonzero(scores >= CERTAIN)
        sure = sure[np.argsort(-scores[sure], kind="stable")]
        return merged(decoded(values[sure], self.anchors[sure], scores[sure]))


class Landmarks:
    """The joints of whoever fills a region; safe in many threads at once."""

    def __init__(self, weights: Weights) -> None:
        """Raises: WeightsError."""
        made = [(1, 5 * POINTS), (1, 1), (1, SIDE, SIDE, 1), (1, SIDE // 4, SIDE // 4, POINTS), (1, 3 * POINTS)]
        self.network = tflite.load(weights, LANDMARKS, [(1, SIDE, SIDE, 3)], made)

    def find(self, pixels: NDArray[np.uint8]) -> Body:
        """Of ``pixels`` (256, 256, 3) RGB."""
        flat, score, mask, heat, world = self.network(tflite.fractions(pixels))
        points = flat.reshape(POINTS, 5)
        places = refined(points[:, :2] / SIDE, heat)
        visible, present = sigmoid(points[:, 3]), sigmoid(points[:, 4])
        return Body(places, visible, present, float(score[0]), world.reshape(POINTS, 3), mask[..., 0])


def sigmoid(logits: Floats) -> Floats:
    """Of float32; no overflow at either end."""
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))


def anchors() -> NDArray[np.float32]:
    """(2254, 2) x, y of the anchors' middles, in 0..1: two in each cell of a layer, row by row; layers of one stride
    share their cells."""
    out = []
    for stride in dict.fromkeys(STRIDES):
        count = SEARCHED // stride
        y, x = np.mgrid[:count, :count]
        cells = np.stack([x, y], -1).reshape(-1, 2) + 0.5
        out.append(np.repeat(cells / count, 2 * STRIDES.count(stride), axis=0))
    return np.concatenate(out).astype(np.float32)


def decoded(values: Floats, middles: Floats, scores: Floats) -> Candidates:
    """values: (n, 12) pixels about the anchors ``middles`` (n, 2): the face's x, y, width, height; then 4 points."""
    pairs = values.reshape(-1, 6, 2) / SEARCHED
    centre, extent = pairs[:, 0] + middles, pairs[:, 1]
    return Candidates(
        scores, np.concatenate([centre - extent / 2, centre + extent / 2], 1), pairs[:, 2:] + middles[:, None]
    )


def merged(found: Candidates) -> Candidates:
    """One of each person: the mean, by score, of the candidates whose faces overlap with the surest one's.

    found: the surest first.
    """
    kept, rest = [], np.arange(len(found.scores))
    while len(rest):
        same = overlap(found.faces[rest[0]], found.faces[rest]) > SAME_PERSON
        same[0] = True
        own = rest[same]
        share = found.scores[own] / found.scores[own].sum()
        kept.append(
            (found.scores[own[0]], np.tensordot(share, found.faces[own], 1), np.tensordot(share, found.points[own], 1))
        )
        rest = rest[~same]
    scores, faces, points = zip(*kept, strict=True) if kept else ((), (), ())
    return Candidates(np.array(scores), np.reshape(faces, (-1, 4)), np.reshape(points, (-1, 4, 2)))


def overlap(one: Floats, others: Floats) -> Floats:
    """(n,) IoU of a box (4,) with ``others`` (n, 4)."""
    shared = np.maximum(np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2]), 0).prod(1)
    areas = (others[:, 2:] - others[:, :2]).prod(1) + (one[2:] - one[:2]).prod()
    return np.asarray(shared / np.maximum(areas - shared, 1e-9))


def refined(places: Floats, heat: Floats) -> Floats:
    """(n, 2) ``places``, x, y in fractions, moved to the mean of the heat (h, w, n) about them, where it is sure.

    Source: MediaPipe, RefineLandmarksFromHeatmap: sigmoids in a window of 7 x 7, whose greatest is at least 0.5.
    """
    height, width, count = heat.shape
    columns, rows = (np.floor(places * (width, height)).astype(int)[..., None] + np.arange(-3, 4)).swapaxes(0, 1)
    known = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None]
    rows, columns = np.clip(rows, 0, height - 1)[:, :, None], np.clip(columns, 0, width - 1)[:, None]
    warmth = sigmoid(heat[rows, columns, np.arange(count)[:, None, None]]) * known
    total = np.maximum(warmth.sum((1, 2)), 1e-9)
    mean = np.stack([(warmth * columns).sum((1, 2)) / width, (warmth * rows).sum((1, 2)) / height], 1) / total[:, None]
    inside = ((places >= 0) & (places < 1)).all(1)
    return np.where((inside & (warmth.max((1, 2)) >= CERTAIN))[:, None], mean, places)


def region_of(points: Floats) -> Region | None:
    """The landmarks' square of someone whose middle of the hips and size and rotation are ``points`` (2, 2), in pixels;
    None where they tell no direction."""
    return regions.along(points[0], points[1], 2 * SCALE)
