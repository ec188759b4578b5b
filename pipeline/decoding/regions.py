"""Squares of an image that may be turned: what networks of body, hand and face look at, and the way back to pixels."""

from __future__ import annotations

from math import ceil, floor, hypot
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.decoding import images

Floats = NDArray[np.floating]


class Region(NamedTuple):
    """A square about (``x``, ``y``), in pixels as a box is. Its top lies in the direction (``up_x``, ``up_y``), a unit
    vector: (0, -1) is upright."""

    x: float
    y: float
    side: float
    up_x: float = 0.0
    up_y: float = -1.0

    @property
    def axes(self) -> NDArray[np.float64]:
        """(2, 2): its rightward and its downward unit vector, each as x, y of the image."""
        return np.array([[-self.up_y, self.up_x], [-self.up_x, -self.up_y]])

    def to_image(self, points: Floats) -> NDArray[np.float64]:
        """(..., 2) x, y in image pixels of ``points`` in fractions of the square, (0, 0) its top left corner."""
        return (np.asarray(points, np.float64) - 0.5) * self.side @ self.axes + (self.x, self.y)

    def from_image(self, points: Floats) -> NDArray[np.float64]:
        """(..., 2) fractions of the square of ``points``, x, y in image pixels."""
        return (np.asarray(points, np.float64) - (self.x, self.y)) @ self.axes.T / self.side + 0.5

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """xyxy of the upright box about it."""
        corners = self.to_image(np.array([(0, 0), (1, 0), (0, 1), (1, 1)]))
        x1, y1, x2, y2 = (float(value) for value in (*corners.min(0), *corners.max(0)))
        return x1, y1, x2, y2


def about(box: Floats, scale: float) -> Region:
    """The upright square about the middle of ``box`` (4,) xyxy, ``scale`` times its longer side."""
    x1, y1, x2, y2 = (float(value) for value in box)
    return Region((x1 + x2) / 2, (y1 + y2) / 2, scale * max(x2 - x1, y2 - y1))


def along(centre: Floats, end: Floats, scale: float) -> Region | None:
    """The square about ``centre`` (2,) whose top lies towards ``end`` (2,); its side is ``scale`` times their distance.

    None where they are less than a pixel apart, which is no direction, or not finite.
    """
    x, y = (float(value) for value in np.asarray(end, np.float64) - centre)
    length = hypot(x, y)
    if not 1 <= length < np.inf:
        return None
    return Region(float(centre[0]), float(centre[1]), scale * length, x / length, y / length)


def written(region: Region) -> NDArray[np.float32]:
    """(5,) as it is kept in a row; ``read`` gives it back."""
    return np.array(region, np.float32)


def read(row: Floats) -> Region:
    """Of a row (5,) of ``written``."""
    return Region(*(float(value) for value in row))


def cut(pixels: NDArray[np.uint8], region: Region, side: int) -> NDArray[np.uint8]:
    """(side, side, 3) of ``pixels`` (h, w, 3): the region, averaged down where it is much larger, black outside."""
    left, top, right, bottom = _around(region, (pixels.shape[1], pixels.shape[0]))
    if left >= right or top >= bottom:
        return np.zeros((side, side, *pixels.shape[2:]), np.uint8)
    linear, shift = _matrix(region, side, (left, top))
    return images.warp(pixels[top:bottom, left:right], np.column_stack([linear, shift]), (side, side), smooth=True)


def back(values: NDArray[np.uint8], region: Region, size: tuple[int, int]) -> tuple[tuple[int, int], NDArray[np.uint8]]:
    """``values`` (s, s), which fill the region, on the pixels of an image of ``size`` (width, height).

    Returns the left and top pixel of the part that they touch, and that part (h, w), 0 outside the region; h or w is 0
    where the region is outside the image.
    """
    left, top, right, bottom = _around(region, size)
    if left >= right or top >= bottom:
        return (left, top), np.zeros((0, 0), np.uint8)
    linear, shift = _matrix(region, len(values), (left, top))
    inverse = np.linalg.inv(linear)
    matrix = np.column_stack([inverse, -inverse @ shift])
    return (left, top), images.warp(values, matrix, (bottom - top, right - left), smooth=True)


def _around(region: Region, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """xyxy of the pixels of an image that the region touches, and one more at each side for interpolation."""
    x1, y1, x2, y2 = region.bounds
    return max(0, floor(x1) - 1), max(0, floor(y1) - 1), min(size[0], ceil(x2) + 1), min(size[1], ceil(y2) + 1)


def _matrix(region: Region, side: int, corner: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(2, 2) and (2,) that take pixel centres of an image, counted from the pixel ``corner``, to those of ``side``
    squared pixels that are the region."""
    linear = region.axes * (side / region.side)
    shift = side / 2 - linear @ (region.x - corner[0], region.y - corner[1]) + linear.sum(1) / 2 - 0.5
    return linear, shift
