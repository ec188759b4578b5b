"""Whom several models found in an image, as one answer."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heads.protocols._boxes.matching import overlap

SAME = 0.5
"""Intersection over union from which on the boxes of two models are of one person."""

Array = NDArray[np.float64]


class Fused(NamedTuple):
    """boxes: (n, N, 4). scores: (n, N), from the highest down, 0: nobody. shares: (n, N, C)."""

    boxes: Array
    scores: Array
    shares: Array


def fuse(boxes: Array, scores: Array, shares: Array, least: float) -> Fused:
    """boxes: (S, n, N, 4). scores: (S, n, N), 0: nobody. shares: (S, n, N, C). Who has ``least`` or more is kept.

    In each image the box with the highest score leads; every other model adds the one of its boxes that overlaps it
    most, from SAME on; then the next box that nobody has taken leads. A person's box and shares are the mean over those
    who saw them, weighted by their scores, and the score is the mean over all models, 0 of those who did not. Source:
    Solovyev et al. 2021, Weighted boxes fusion: ensembling boxes from different object detection models.
    """
    made = [_image(boxes[:, at], scores[:, at], shares[:, at], least) for at in range(boxes.shape[1])]
    every = Fused(np.zeros(boxes.shape[1:]), np.zeros(scores.shape[1:]), np.zeros(shares.shape[1:]))
    for image, people in enumerate(made):
        for place, (box, score, share) in enumerate(people[: scores.shape[2]]):
            every.boxes[image, place], every.scores[image, place], every.shares[image, place] = box, score, share
    return every


def _image(boxes: Array, scores: Array, shares: Array, least: float) -> list[tuple[Array, float, Array]]:
    """(S, N, ...) each. Returns the people, from the highest score down."""
    free, found = scores > 0, []
    while (left := np.where(free, scores, 0.0)).max(initial=0.0) >= least:
        model, place = np.unravel_index(left.argmax(), left.shape)
        shared = np.where(free, overlap(boxes, boxes[model, place]), -1.0)
        shared[model, place] = np.inf
        mates = shared.argmax(1)
        seen = np.flatnonzero(np.take_along_axis(shared, mates[:, None], 1)[:, 0] >= SAME)
        mine = (seen, mates[seen])
        free[mine] = False
        weight = scores[mine] / scores[mine].sum()
        found.append((weight @ boxes[mine], float(scores[mine].sum() / len(scores)), weight @ shares[mine]))
    return sorted((one for one in found if one[1] >= least), key=lambda one: -one[1])
