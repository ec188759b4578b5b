"""Which found box is whose, as COCO's API settles it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heads.judged import OVERLAPS, Order

MOST = 100
"""Boxes of an image that are looked at, those of the highest scores. Source: COCO's API, maxDets."""
NOBODY = -1
_IMAGES = 256
"""Images that are matched in one go: bounds the memory."""

Array = NDArray[np.float64]


class Matched(NamedTuple):
    """What was found in m images. order: (m, N) of each image's boxes the place of that with the highest score, of the
    next, and so on. scores: (m, N) in that order; 0 and below: no box. whose: (len(OVERLAPS), m, N) in that order,
    which of the image's people each box is at each intersection over union, NOBODY for those that are nobody's."""

    order: NDArray[np.int64]
    scores: Array
    whose: NDArray[np.int64]

    def orders(self) -> list[Order]:
        """For each of OVERLAPS, the boxes of all images by their scores."""
        images, _ = np.nonzero(self.scores > 0)
        ranked = np.argsort(-self.scores[self.scores > 0], kind="stable")
        return [_order(images[ranked], (one != NOBODY)[self.scores > 0][ranked]) for one in self.whose]

    def finder(self, people: int) -> NDArray[np.int64]:
        """(m, people): of each person the place of the box that found them at OVERLAPS[0], before it was ordered;
        NOBODY for those who were not found."""
        found = np.full((len(self.order), people), NOBODY, np.int64)
        image, rank = np.nonzero(self.whose[0] != NOBODY)
        found[image, self.whose[0][image, rank]] = self.order[image, rank]
        return found


def _order(images: NDArray[np.int64], right: NDArray[np.bool_]) -> Order:
    return Order(images, right, np.zeros_like(right), np.flatnonzero(right) + 1)


def match(found: Array, boxes: Array) -> Matched:
    """found: (m, N, 5) xyxy and score. boxes: (m, K, 4), NaN where there is nobody.

    In each image and for each intersection over union that is asked for, boxes choose in the order of their scores,
    each the person it overlaps most among those nobody has chosen; of two alike, the later one.
    """
    order = np.argsort(-found[..., 4], axis=1, kind="stable")[:, :MOST]
    ordered = np.take_along_axis(found, order[..., None], 1)
    some = range(0, len(found), _IMAGES)
    parts = [_whose(ordered[at : at + _IMAGES], boxes[at : at + _IMAGES]) for at in some]
    empty = np.zeros((len(OVERLAPS), 0, ordered.shape[1]), np.int64)
    return Matched(order, ordered[..., 4], np.concatenate([empty, *parts], 1))


def _whose(found: Array, boxes: Array) -> NDArray[np.int64]:
    least = np.array(OVERLAPS)[:, None, None]
    images, people = np.arange(len(found)), boxes.shape[1]
    free = np.ones((len(OVERLAPS), len(found), people), bool)
    whose = np.full((len(OVERLAPS), *found.shape[:2]), NOBODY, np.int64)
    for rank in range(found.shape[1]):
        shared = np.where(found[:, rank, 4, None] > 0, overlap(found[:, rank, None, :4], boxes), -1.0)
        mine = np.where(free & (shared >= least), shared, -1.0)
        best = people - 1 - mine[..., ::-1].argmax(-1)
        right = np.take_along_axis(mine, best[..., None], -1)[..., 0] > 0
        whose[..., rank] = np.where(right, best, NOBODY)
        level, image = np.nonzero(right)
        free[level, images[image], best[right]] = False
    return whose


def overlap(one: Array, other: Array) -> Array:
    """Intersection over union of xyxy boxes (..., 4), broadcast; -1 where one of them is NaN, 0 of two without area."""
    low, high = np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas = [np.clip(each[..., 2:] - each[..., :2], 0, None).prod(-1) for each in (one, other)]
    whole = areas[0] + areas[1] - shared
    found = np.divide(shared, whole, out=np.zeros_like(whole), where=whole > 0)
    return np.where(np.isnan(whole), -1.0, found)
