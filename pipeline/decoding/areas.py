"""Images made smaller by the means of their pixels, many sizes and regions of one image at the cost of one pass.

The sums over every rectangle come from one table of sums, and are whole numbers. So a mean is the same, bit for bit, as
one that adds the pixels up one by one in float32: these sums, too, are exact up to 2^24, a square of 256 pixels.
Source: Crow 1984, Summed-area tables for texture mapping; what is averaged as torch's adaptive_avg_pool2d.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Means = NDArray[np.float32]
Whole = NDArray[np.integer]
CHANNELS = 3


class Areas:
    """The tables of sums of images (n, h, w, 3) uint8, all of one size, n >= 1."""

    def __init__(self, images: Pixels) -> None:
        import cv2

        self.size = images.shape[1:3]
        self._sums = np.stack([cv2.integral(image) for image in images])

    def resized(self, size: tuple[int, int]) -> Means:
        """(n, 3, *size) of the whole images, size (h, w); pixel (i, j) is the mean over its part of the image."""
        (top, bottom), (left, right) = (_windows(*sides) for sides in zip(self.size, size, strict=True))
        rows = self._sums.reshape(*self._sums.shape[:2], -1)  # elements of 4 bytes are taken faster than pixels of 12
        rows = rows[:, bottom] - rows[:, top]
        sums = rows.take(_interleaved(right), axis=2)
        sums -= rows.take(_interleaved(left), axis=2)
        means = np.empty((len(sums), CHANNELS, *size), np.float32)
        means[:] = sums.reshape(len(sums), size[0], CHANNELS, size[1]).swapaxes(1, 2)
        means /= (bottom - top)[:, None].astype(np.float32)
        means /= (right - left).astype(np.float32)
        return means

    def crops(self, images: Whole, boxes: Whole, side: int) -> Means:
        """(k, 3, side, side): the regions ``boxes`` (k, 4), xyxy in whole pixels inside the image and not empty, of the
        images with the numbers ``images`` (k,). A region smaller than ``side`` is repeated."""
        x, y, size = boxes[:, 0, None], boxes[:, 1, None], boxes[:, 2:] - boxes[:, :2]
        (left, right), (top, bottom) = (_windows(size[:, axis, None], side) for axis in (0, 1))
        flat, (_, height, width, _) = self._sums.reshape(-1), self._sums.shape
        channels = np.arange(CHANNELS)[:, None, None]

        def sums(rows: Whole, columns: Whole) -> NDArray[np.int32]:
            at = ((images[:, None] * height + y + rows) * width)[:, :, None] + (x + columns)[:, None]
            taken: NDArray[np.int32] = flat.take(at[:, None] * CHANNELS + channels)
            return taken

        total = sums(bottom, right) - sums(top, right) - sums(bottom, left) + sums(top, left)
        means = total.astype(np.float32)
        means /= (bottom - top)[:, None, :, None].astype(np.float32)
        means /= (right - left)[:, None, None].astype(np.float32)
        return means


def _windows(pixels: int | Whole, parts: int) -> tuple[Whole, Whole]:
    """Where each of ``parts`` windows over ``pixels`` begins and ends; neighbours may share a pixel."""
    part = np.arange(parts)
    return part * pixels // parts, -(-(part + 1) * pixels // parts)


def _interleaved(columns: Whole) -> Whole:
    """Places of all red, then all green, then all blue values of ``columns`` in a row of RGB pixels."""
    return (columns * CHANNELS + np.arange(CHANNELS)[:, None]).ravel()
