"""A head with shaded face and hair, painted on a patch of its own and set onto the canvas."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.scenes.canvas import OVERSAMPLING, Canvas, Colour, shade, smooth_noise, vary
from pipeline.demo.scenes.design import ADE20K

Head = tuple[NDArray[np.uint8], NDArray[np.uint8]]
_PATCH: Final = 128
_UNIT: Final = 48
"""Patch pixels per head radius (half the head's height)."""
_HAIR: Final[tuple[Colour, ...]] = ((44, 32, 26), (92, 60, 34), (188, 146, 84), (120, 116, 112), (138, 64, 34))
_IRIS: Final[tuple[Colour, ...]] = ((84, 54, 34), (70, 104, 128), (74, 104, 66))


def paint_head(canvas: Canvas, centre: tuple[float, float], radius: float, tilt: float, skin: Colour,
               rng: np.random.Generator) -> None:  # fmt: skip
    """A head around `centre` (this frame's units); radius is half its height in scene pixels, tilt in degrees."""
    set_head(canvas, centre, radius, tilt, draw_head(skin, rng))


def set_head(canvas: Canvas, centre: tuple[float, float], radius: float, tilt: float, head: Head) -> None:
    """One that is drawn already, as `paint_head`."""
    patch, mask = head
    x, y = canvas.pixels([centre])[0]
    matrix = cv2.getRotationMatrix2D((_PATCH / 2, _PATCH / 2), -tilt, radius * OVERSAMPLING / _UNIT)
    matrix[:, 2] += (x - _PATCH / 2, y - _PATCH / 2)
    height, width = canvas.labels.shape
    alpha = np.asarray(cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_LINEAR), np.float32)[..., None]
    moved = cv2.warpAffine(patch, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = alpha / 255
    canvas.image[:] = np.rint(weight * moved + (1 - weight) * canvas.image).astype(np.uint8)
    canvas.labels[alpha[..., 0] > 127] = ADE20K["person"]


def draw_head(skin: Colour, rng: np.random.Generator) -> Head:
    """Patch (128, 128, 3) RGB and its coverage (128, 128), the face's middle in the middle of the patch."""
    sheet = Canvas(np.full((_PATCH, _PATCH, 3), skin, np.uint8), np.zeros((_PATCH, _PATCH), np.uint8))
    c = sheet.at(_PATCH / 2 / OVERSAMPLING, _PATCH / 2 / OVERSAMPLING, _UNIT / OVERSAMPLING)
    hair = vary(rng, _HAIR[int(rng.integers(len(_HAIR)))], 12)
    long = bool(rng.random() < 0.5)
    _hair_behind(c, hair, long)
    for side in (-1, 1):
        c.ellipse((side * 0.74, 0.08), (0.1, 0.17), shade(skin, 0.88), 255)
    c.ellipse((0, 0.06), (0.74, 0.93), skin, 255)
    _shading(sheet, rng)
    _features(c, skin, hair, rng)
    _hair_front(c, hair, rng)
    blurred = np.asarray(cv2.GaussianBlur(sheet.image, (3, 3), 0.7), np.uint8)
    return blurred, np.asarray(cv2.GaussianBlur(sheet.labels, (3, 3), 0.7), np.uint8)


def _hair_behind(c: Canvas, hair: Colour, long: bool) -> None:
    c.ellipse((0, -0.14), (0.84, 0.86), hair, 255)
    if long:
        c.polygon([(-0.84, -0.2), (0.84, -0.2), (0.9, 0.95), (-0.9, 0.95)], shade(hair, 0.85), 255)


def _hair_front(c: Canvas, hair: Colour, rng: np.random.Generator) -> None:
    part = float(rng.uniform(-0.35, 0.35))
    fringe = [(-0.8, 0.0), (-0.78, -0.5), (-0.45, -0.95), (0, -1.02), (0.45, -0.95), (0.78, -0.5), (0.8, 0.0),
              (0.64, -0.32), (part + 0.2, -0.6), (part, -0.66), (part - 0.2, -0.56), (-0.64, -0.32)]  # fmt: skip
    c.polygon(fringe, hair, 255)
    c.line([(part, -0.98), (part - 0.05, -0.7)], 0.05, shade(hair, 1.5))


def _shading(sheet: Canvas, rng: np.random.Generator) -> None:
    """Light from one side, darker at the border, darker under the brows."""
    y, x = np.mgrid[0:_PATCH, 0:_PATCH].astype(np.float32) / _UNIT - _PATCH / 2 / _UNIT
    side = float(rng.uniform(-0.18, 0.18))
    round_off = 1.1 - 0.30 * ((x / 0.8) ** 2 + (y / 1.1) ** 2)
    sockets = sum(np.exp(-(((x - s * 0.31) / 0.2) ** 2 + ((y + 0.13) / 0.13) ** 2)) for s in (-1, 1))
    cheeks = sum(np.exp(-(((x - s * 0.4) / 0.22) ** 2 + ((y - 0.28) / 0.2) ** 2)) for s in (-1, 1))
    chin = np.exp(-((x / 0.3) ** 2 + ((y - 0.72) / 0.06) ** 2))
    light = round_off + side * x - 0.20 * sockets + 0.07 * cheeks - 0.08 * chin
    light = light + 0.03 * smooth_noise(rng, _PATCH, _PATCH, 8)
    sheet.image[:] = np.clip(sheet.image * np.clip(light, 0.35, 1.25)[..., None], 0, 255).astype(np.uint8)


def _features(c: Canvas, skin: Colour, hair: Colour, rng: np.random.Generator) -> None:
    iris, brow_tilt = _IRIS[int(rng.integers(len(_IRIS)))], float(rng.uniform(-0.05, 0.05))
    for side in (-1, 1):
        x = side * 0.31
        c.ellipse((x, -0.08), (0.165, 0.095), shade(skin, 0.62))
        c.ellipse((x, -0.07), (0.145, 0.075), (238, 234, 228))
        c.ellipse((x, -0.07), (0.075, 0.078), iris)
        c.ellipse((x, -0.07), (0.036, 0.04), (16, 14, 14))
        c.ellipse((x + 0.025, -0.095), (0.016, 0.016), (255, 255, 255))
        c.line([(x - 0.15, -0.10), (x, -0.165), (x + 0.15, -0.10)], 0.035, shade(skin, 0.42))
        brow = [(x - 0.18, -0.26 - side * brow_tilt), (x, -0.32), (x + 0.18, -0.26 + side * brow_tilt)]
        c.line(brow, 0.065, shade(hair, 0.75))
    c.polygon([(-0.04, -0.08), (0.05, -0.08), (0.13, 0.27), (0, 0.33), (-0.13, 0.27)], shade(skin, 0.93))
    c.line([(0.07, -0.02), (0.12, 0.24)], 0.035, shade(skin, 0.78))
    c.line([(-0.02, 0.0), (-0.02, 0.2)], 0.05, shade(skin, 1.1))
    for side in (-1, 1):
        c.ellipse((side * 0.07, 0.29), (0.04, 0.022), shade(skin, 0.45))
    _mouth(c, skin, rng)


def _mouth(c: Canvas, skin: Colour, rng: np.random.Generator) -> None:
    bend, lips = float(rng.uniform(-0.03, 0.08)), (skin[0] * 0.8, skin[1] * 0.52, skin[2] * 0.52)
    upper = [(-0.26, 0.54 - bend), (-0.08, 0.49), (0, 0.51), (0.08, 0.49), (0.26, 0.54 - bend), (0, 0.57 + bend * 0.5)]
    c.polygon(upper, shade(lips, 0.9))
    c.polygon([(-0.26, 0.54 - bend), (0, 0.56 + bend), (0.26, 0.54 - bend), (0.1, 0.66), (-0.1, 0.66)], lips)
    c.line([(-0.25, 0.54 - bend), (0, 0.56 + bend * 0.5), (0.25, 0.54 - bend)], 0.03, shade(lips, 0.45))
