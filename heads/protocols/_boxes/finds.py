"""Whom several models found in an image, as one answer."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heads.protocols._boxes.matching import overlap

SAME = 0.5
"""Intersection over union from which on the boxes of two models are of one person."""
_IMAGES = 256
"""Images that are settled in one go: bounds the memory."""

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
    every = Fused(*(np.swapaxes(x, 0, 1) for x in (boxes, scores, shares)))
    starts = range(0, max(1, len(every.scores)), _IMAGES)
    parts = [_fused(Fused(*(x[start : start + _IMAGES] for x in every)), least) for start in starts]
    return Fused(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _fused(told: Fused, least: float) -> Fused:
    """told: of each model, (n, S, N, ...)."""
    boxes, scores, shares = told
    free = scores > 0
    empty = [np.zeros((len(scores), *x.shape[3:])) for x in (boxes, scores, shares)]
    found = [empty] * scores.shape[2]
    while (going := np.where(free, scores, 0.0).max((1, 2), initial=0.0) >= least).any():
        mates, weights = _person(boxes[going], scores[going], free[going])
        image, model = np.nonzero(weights)
        at = (np.flatnonzero(going)[image], model, mates[image, model])
        free[at] = False
        made = [x.copy() for x in empty]
        for one, values in zip(made, (boxes, np.ones_like(scores), shares), strict=True):
            weight = weights[image, model].reshape(-1, *[1] * (one.ndim - 1))
            np.add.at(one, at[0], weight * values[at])
        made[0][going] /= made[1][going, None]
        made[2][going] /= made[1][going, None]
        made[1] /= scores.shape[1]
        found = [*found, made]
    return _kept(Fused(*(np.stack(values, 1) for values in zip(*found, strict=True))), least, scores.shape[2])


def _person(boxes: Array, scores: Array, free: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Array]:
    """(n, S): of each model the place of the box that is of the same person as the one with the highest score, and the
    score there, 0 where none is."""
    left = np.where(free, scores, -1.0)
    images = np.arange(len(left))
    model, place = np.unravel_index(left.reshape(len(left), -1).argmax(1), left.shape[1:])
    shared = np.where(free, overlap(boxes, boxes[images, model, place][:, None, None]), -1.0)
    shared[images, model, place] = np.inf
    mates = shared.argmax(2)
    at = mates[..., None]
    seen = np.take_along_axis(shared, at, 2)[..., 0] >= SAME
    return mates, np.where(seen, np.take_along_axis(scores, at, 2)[..., 0], 0.0)


def _kept(every: Fused, least: float, most: int) -> Fused:
    """The ``most`` with the highest scores, of those with ``least`` or more."""
    scores = np.where(every.scores >= least, every.scores, 0.0)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    boxes, shares = (np.take_along_axis(x, order[..., None], 1) for x in (every.boxes, every.shares))
    kept = np.take_along_axis(scores, order, 1)
    return Fused(boxes * (kept > 0)[..., None], kept, shares * (kept > 0)[..., None])
