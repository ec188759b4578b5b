"""Geometry of boxes and points in pixels; numpy only, no pixel is read.

A box is xyxy. Its edges are continuous coordinates: (0, 0, w, h) is the whole of an image of w x h.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
SAME_FACE = 0.4
"""Least IoU of two boxes of one face. Detectors differ in how much of forehead and chin they take in."""
LEAST_SIDE = 4
"""Pixels that a box must have each way within its image. The narrowest head of EMOTIC's validation people has 14, and
no detector here looks for a face below 12; blown up to a network's 224, a side of 4 is nothing but interpolation."""
HEAD = 0.4
"""Side of ``head_region`` in heights of the person's box."""
BODY_ABOVE, BODY_HEIGHT, BODY_WIDTH = 0.5, 9.5, 4.0
"""Of ``body_region``, in faces: longer sides of the face's box."""


def fault(box: Floats, width: int, height: int) -> str:
    """Why ``box`` (4,) cannot be cropped from an image; "" when it can: finite, inside, not empty."""
    x1, y1, x2, y2 = (float(value) for value in box)
    where = f"box ({x1:g}, {y1:g}, {x2:g}, {y2:g})"
    if not np.isfinite(box).all():
        return f"{where} is not finite"
    if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
        return f"{where} leaves the image of {width} x {height}"
    if x2 <= x1 or y2 <= y1:
        return f"{where} is empty"
    return ""


def too_small(box: Sequence[float]) -> str:
    """Why ``box`` (xyxy within its image) shows nobody: a side below LEAST_SIDE; "" when it is large enough."""
    width, height = box[2] - box[0], box[3] - box[1]
    if min(width, height) >= LEAST_SIDE:
        return ""
    return f"the crop has {width:.4g} x {height:.4g} pixels, the least is {LEAST_SIDE} x {LEAST_SIDE}"


def enlarge(box: Floats, padding: float, aspect: float) -> tuple[Floats, Floats]:
    """Centre (2,) and size (2,) as x, y of ``box`` times ``padding``, grown to width / height = ``aspect``.

    Source: mmpose, GetBBoxCenterScale and TopdownAffine.
    """
    centre = (box[:2] + box[2:]) / 2
    width, height = (box[2:] - box[:2]) * padding
    size = (width, width / aspect) if width > height * aspect else (height * aspect, height)
    return centre, np.array(size)


def widen(box: Floats, margin: float) -> NDArray[np.float64]:
    """``box`` (4,) with its width and height times 1 + ``margin``, about its centre; may leave the image."""
    low, high = np.asarray(box[:2], np.float64), np.asarray(box[2:], np.float64)
    edge = (high - low) * (margin / 2)
    return np.concatenate([low - edge, high + edge])


def clamp(box: Floats, width: int, height: int) -> NDArray[np.float64]:
    """The part of ``box`` (4,) that is inside the image."""
    return np.clip(np.asarray(box, np.float64), 0, [width, height, width, height])


def square(box: Floats, width: int, height: int) -> NDArray[np.float64]:
    """(4,) the square about ``box`` (4,), as wide as its longer side, moved into the image as little as possible.

    Along a side of the image that is shorter than the square, the square leaves it by as much at both ends.
    """
    box, extent = np.asarray(box, np.float64), np.array([width, height], np.float64)
    side = (box[2:] - box[:2]).max()
    room = extent - side
    low = np.where(room < 0, room / 2, np.clip((box[:2] + box[2:] - side) / 2, 0, np.maximum(room, 0)))
    return np.concatenate([low, np.where(room < 0, low + side, np.minimum(low + side, extent))])


def crop_matrix(centre: Floats, size: Floats, output: tuple[int, int]) -> NDArray[np.float64]:
    """(2, 3) that takes the region of ``size`` around ``centre`` to an output of (h, w) with the same aspect.

    Source: mmpose, get_warp_matrix without rotation: the region's centre goes to (w / 2, h / 2).
    """
    height, width = output
    scale = width / float(size[0])
    shift = np.array([width, height]) / 2 - scale * np.asarray(centre, np.float64)
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def similarity(source: Floats, target: Floats) -> NDArray[np.float64]:
    """(2, 3) rotation, uniform scale and shift that best takes ``source`` (n, 2) to ``target`` (n, 2), n >= 2.

    Source: Umeyama 1991, eq. 34-43, least squares; a reflection is never given.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    from_mean, to_mean = source.mean(axis=0), target.mean(axis=0)
    a = (source - from_mean) @ (1, 1j)
    b = (target - to_mean) @ (1, 1j)
    turn = np.vdot(a, b) / np.vdot(a, a).real  # the complex number z that minimises |z a - b|
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, to_mean - linear @ from_mean])


def assign_faces(faces: Floats, persons: Floats) -> NDArray[np.int64]:
    """(p,) index into ``faces`` of each person's face, or -1; no face is given twice.

    faces: (f, 4), persons: (p, 4). The one-to-one assignment with the greatest sum of ``head_match``, so that a person
    who shows no face does not take that of a neighbour whom it fits better.
    """
    from scipy.optimize import linear_sum_assignment

    owner = np.full(len(persons), -1)
    if len(faces) and len(persons):
        match = head_match(faces, persons)
        rows, columns = linear_sum_assignment(match, maximize=True)
        fits = match[rows, columns] > 0
        owner[rows[fits]] = columns[fits]
    return owner


def head_match(faces: Floats, persons: Floats) -> NDArray[np.float64]:
    """(p, f) in 0..2: how well each face fits each person's head; 0 where it cannot be theirs.

    A box that is about the face itself, by an overlap (IoU) of at least SAME_FACE, matches above every head there can
    be: 1 + IoU. That holds for data whose boxes are faces, by whatever detector, and for close-ups. Else a face
    can be a person's when its centre is in the upper 60 % of the person's box, at least half of it is inside the box,
    and it is no larger than the box (10 % tolerated). Then the match is 1 / (1 + d). d adds how far the face's centre
    is from three quarters of a face below the box's top, in faces, and half of how far it is from the middle, in half
    widths of the box: a head is at the top of its person, but whoever leans holds it far from the middle.
    """
    face, person = faces[None].astype(np.float64), persons[:, None].astype(np.float64)
    centre, size = (face[..., :2] + face[..., 2:]) / 2, np.maximum(face[..., 2:] - face[..., :2], 1e-6)
    low, extent = person[..., :2], np.maximum(person[..., 2:] - person[..., :2], 1e-6)
    shared = np.maximum(np.minimum(face[..., 2:], person[..., 2:]) - np.maximum(face[..., :2], low), 0).prod(-1)
    place = (centre - low) / extent
    allowed = (place >= 0).all(-1) & (place <= (1, 0.6)).all(-1) & (size <= 1.1 * extent).all(-1)
    allowed &= shared >= 0.5 * size.prod(-1)
    below = np.abs((centre - low)[..., 1] / size[..., 1] - 0.75)
    beside = np.abs(2 * place[..., 0] - 1)
    overlap = shared / (size.prod(-1) + extent.prod(-1) - shared)
    return np.where(overlap >= SAME_FACE, 1 + overlap, np.where(allowed, 1 / (1 + below + beside / 2), 0.0))


def head_region(person: Floats) -> NDArray[np.float32]:
    """(4,) about where the head is in the box of a person's body (4,): a square in the middle of its top.

    Its side is HEAD of the body's height, at most its width: a head with hair takes a seventh of a person who stands
    and more of one whose legs are not in the box, and is seldom right in the middle.
    """
    x1, y1, x2, y2 = (float(value) for value in person)
    side = min(x2 - x1, HEAD * (y2 - y1))
    left = (x1 + x2 - side) / 2
    region = np.array([left, y1, left + side, y1 + side], np.float32)
    return np.clip(region, person[[0, 1, 0, 1]], person[[2, 3, 2, 3]]).astype(np.float32)  # rounding may leave the box


def body_region(face: Floats, width: int, height: int) -> NDArray[np.float32]:
    """(4,) about where the body of the face (4,) is, as if it stood upright, in an image of ``width`` x ``height``.

    It begins BODY_ABOVE faces over the face, is BODY_HEIGHT faces high and BODY_WIDTH wide, and ends at the image's
    edges. Whoever sits, leans or spreads the arms is boxed less well: see the numbers.
    Source: Drillis and Contini 1966: of the height of a person who stands, the head from chin to crown is 0.130 and
    the shoulders are 0.259. MTCNN's box holds about 0.8 of the head, from the chin to the forehead: the height is 9.6
    faces, the shoulders are 2.5, and arms take the rest. Not fitted to any photographs. Of 12 annotated people in four
    of COCO's photographs, most in sports, MTCNN finds six faces; their bodies have an IoU of 0.33 to 0.89 with the
    annotated boxes, 0.56 in the mean.
    """
    x1, y1, x2, y2 = np.asarray(face, np.float64).tolist()
    face_size, middle = max(x2 - x1, y2 - y1), (x1 + x2) / 2
    top, half = y1 - BODY_ABOVE * face_size, BODY_WIDTH / 2 * face_size
    body = np.array([middle - half, top, middle + half, top + BODY_HEIGHT * face_size])
    return clamp(body, width, height).astype(np.float32)
