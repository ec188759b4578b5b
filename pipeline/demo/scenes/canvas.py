"""A canvas that paints colours and exact class labels with the same strokes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Points = Sequence[tuple[float, float]] | NDArray[np.float64]
OVERSAMPLING: Final = 2
_SHIFT: Final = 4


@dataclass(frozen=True)
class Canvas:
    """image (h, w, 3) RGB and labels (h, w), both uint8 and both OVERSAMPLING times larger than the scene.

    A point (x, y) of a stroke lies at origin + scale * (x, y) in scene pixels. Strokes without a label leave the labels
    as they are.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    origin: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def blank(cls, width: int, height: int) -> Canvas:
        """A black, unlabelled (255) canvas for a scene of that many pixels."""
        shape = (height * OVERSAMPLING, width * OVERSAMPLING)
        return cls(np.zeros((*shape, 3), np.uint8), np.full(shape, 255, np.uint8))

    def at(self, x: float, y: float, scale: float | tuple[float, float]) -> Canvas:
        """The same pixels in a frame whose origin is (x, y) and whose unit is `scale`."""
        sx, sy = scale if isinstance(scale, tuple) else (scale, scale)
        ox, oy = self.origin
        origin = (ox + self.scale[0] * x, oy + self.scale[1] * y)
        return Canvas(self.image, self.labels, origin, (self.scale[0] * sx, self.scale[1] * sy))

    def window(self, box: tuple[int, int, int, int]) -> Canvas:
        """The pixels inside a box (x1, y1, x2, y2) only: strokes end at its border."""
        x1, y1, x2, y2 = (value * OVERSAMPLING for value in box)
        return Canvas(self.image[y1:y2, x1:x2], self.labels[y1:y2, x1:x2])

    def pixels(self, points: Points) -> NDArray[np.float64]:
        """(n, 2) points of this frame in canvas pixels."""
        moved = np.asarray(points, np.float64) * self.scale + self.origin
        return moved * OVERSAMPLING

    def polygon(self, points: Points, colour: Colour, label: int | None = None) -> None:
        """Fill a polygon."""
        corners = [self._fixed(points)]
        cv2.fillPoly(self.image, corners, colour, cv2.LINE_AA, _SHIFT)
        if label is not None:
            cv2.fillPoly(self.labels, corners, (label,), cv2.LINE_8, _SHIFT)

    def rectangle(self, x1: float, y1: float, x2: float, y2: float, colour: Colour, label: int | None = None) -> None:
        """Fill an upright rectangle."""
        self.polygon([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], colour, label)

    def ellipse(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        colour: Colour,
        label: int | None = None,
        angle: float = 0.0,
    ) -> None:
        """Fill an ellipse, turned by `angle` degrees."""
        turns = np.linspace(0, 2 * np.pi, 33)[:-1]
        x, y = radii[0] * np.cos(turns), radii[1] * np.sin(turns)
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        self.polygon(np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], 1), colour, label)

    def line(self, points: Points, width: float, colour: Colour, label: int | None = None) -> None:
        """A stroke of that width (in units of this frame's height) with round joints."""
        thickness = max(1, round(width * self.scale[1] * OVERSAMPLING))
        path = [self._fixed(points)]
        cv2.polylines(self.image, path, False, colour, thickness, cv2.LINE_AA, _SHIFT)
        if label is not None:
            cv2.polylines(self.labels, path, False, (label,), thickness, cv2.LINE_8, _SHIFT)

    def finished(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """image (h, w, 3) and label map (h, w) at the scene's own size; labels are picked, never mixed."""
        height, width = self.labels.shape
        small = (width // OVERSAMPLING, height // OVERSAMPLING)
        image = np.asarray(cv2.resize(self.image, small, interpolation=cv2.INTER_AREA), np.uint8)
        return image, np.ascontiguousarray(self.labels[::OVERSAMPLING, ::OVERSAMPLING])

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        return np.rint(self.pixels(points) * (1 << _SHIFT)).astype(np.int32)


def shade(colour: Colour, factor: float) -> Colour:
    """A darker (below 1) or lighter (above 1) colour, kept within 0..255."""
    r, g, b = (float(min(255.0, max(0.0, value * factor))) for value in colour)
    return (r, g, b)


def vary(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """The colour with each channel moved by at most `spread`."""
    r, g, b = (float(min(255.0, max(0.0, value + rng.uniform(-spread, spread)))) for value in colour)
    return (r, g, b)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> NDArray[np.float32]:
    """(height, width) values of about -1..1 which change over about `cell` pixels."""
    grid = rng.uniform(-1, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
