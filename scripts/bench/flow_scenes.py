"""Frames whose motion is known: textures drawn by seed, moved by a translation, a rotation, a zoom, or in part."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.floating]
SIZE = (256, 340)
MARGIN = 40
"""Pixels of texture beyond the frame, for what moves into it."""
SHIFT, ANGLE, ZOOM = (3.4, -2.3), np.deg2rad(2.0), 0.03
BLOCK, STEP = 96, (6, -4)


class Scene(NamedTuple):
    """first, second: (h, w, 3) uint8 RGB, grey. flow: (2, h, w) from the first to the second, x then y in pixels."""

    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    flow: NDArray[np.float32]


def scenes(size: tuple[int, int] = SIZE, seed: int = 0) -> dict[str, Scene]:
    """By the name of the motion; block: a square moves before a background that does not."""
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x - (width - 1) / 2, y - (height - 1) / 2
    cos, sin = np.cos(ANGLE), np.sin(ANGLE)
    flows = {
        "translation": (np.full(size, SHIFT[0]), np.full(size, SHIFT[1])),
        "rotation": ((cos - 1) * x - sin * y, sin * x + (cos - 1) * y),
        "zoom": (ZOOM * x, ZOOM * y),
    }
    found = {name: moved(np.stack(flow), seed) for name, flow in flows.items()}
    return found | {"block": block(size, seed)}


def moved(flow: Floats, seed: int = 0) -> Scene:
    """The second frame is texture; the first is what of it lies where ``flow`` (2, h, w) leads."""
    height, width = flow.shape[1:]
    wide = texture((height + 2 * MARGIN, width + 2 * MARGIN), seed)
    places = np.mgrid[:height, :width] + MARGIN + flow[::-1]
    second = wide[MARGIN : MARGIN + height, MARGIN : MARGIN + width]
    return Scene(_frame(ndimage.map_coordinates(wide, places, order=3)), _frame(second), flow.astype(np.float32))


def block(size: tuple[int, int] = SIZE, seed: int = 0) -> Scene:
    """A square of side BLOCK, or half the lesser side, moves by STEP."""
    side = min(BLOCK, min(size) // 2)
    behind, before = texture(size, seed), texture(size, seed + 1)[:side, :side]
    top, left = ((extent - side) // 2 for extent in size)
    frames = [behind.copy(), behind]
    flow = np.zeros((2, *size), np.float32)
    flow[:, top : top + side, left : left + side] = np.array(STEP)[:, None, None]
    for frame, (right, down) in zip(frames, ((0, 0), STEP), strict=True):
        frame[top + down : top + down + side, left + right : left + right + side] = before
    return Scene(_frame(frames[0]), _frame(frames[1]), flow)


def texture(size: tuple[int, int], seed: int) -> Floats:
    """Of 0 to 255: noise at three scales."""
    rng, total = np.random.default_rng(seed), np.zeros(size)
    for blur, weight in ((1.5, 0.5), (4, 1), (10, 2)):
        noise = ndimage.gaussian_filter(rng.standard_normal(size), blur, mode="wrap")
        total += weight * noise / noise.std()
    return np.asarray(128 + 45 * (total - total.mean()) / total.std())


def end_point_error(found: Floats, scene: Scene) -> float:
    """Mean length of the difference of ``found`` (2, h, w) from the scene's flow, in pixels."""
    return float(np.hypot(*(found - scene.flow)).mean())


def _frame(values: Floats) -> NDArray[np.uint8]:
    grey = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)
