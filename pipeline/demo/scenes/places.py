"""The six places: background, palette and large things of a scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from pipeline.demo.scenes.canvas import OVERSAMPLING, Canvas, Colour, shade, smooth_noise, vary
from pipeline.demo.scenes.design import ADE20K


def paint_place(canvas: Canvas, place: str, rng: np.random.Generator) -> None:
    """Cover the whole canvas (frame in scene pixels) with one of design.PLACES."""
    height, width = (side / OVERSAMPLING for side in canvas.labels.shape)
    _PAINTERS[place](canvas, width, height, rng)


def _band(canvas: Canvas, top: float, bottom: float, colour: Colour, name: str, rng: np.random.Generator) -> None:
    """A full-width band, lighter to darker, with grain."""
    y1, y2 = (max(0, round(y * OVERSAMPLING)) for y in (top, bottom))
    area = canvas.image[y1:y2]
    rows, columns = area.shape[:2]
    ramp = np.linspace(rng.uniform(1.0, 1.15), rng.uniform(0.85, 1.0), rows, dtype=np.float32)[:, None]
    grain = 0.09 * smooth_noise(rng, rows, columns, 24) + 0.06 * smooth_noise(rng, rows, columns, 6)
    shaded = (ramp * (1 + grain))[..., None] * np.asarray(colour, np.float32)
    area[:] = np.clip(shaded, 0, 255).astype(np.uint8)
    canvas.labels[y1:y2] = ADE20K[name]


def _ridge(canvas: Canvas, w: float, h: float, base: float, rise: float, steps: int, rng: np.random.Generator) -> None:
    """A mountain range from `base` (share of the height) up to `rise` above it, with snow on the tops."""
    colour = vary(rng, (118, 118, 130), 18)
    for _ in range(steps):
        x, top = float(rng.uniform(-0.1, 1.1)) * w, (base - rise * float(rng.uniform(0.55, 1.0))) * h
        half = float(rng.uniform(0.25, 0.45)) * w
        tone = shade(colour, float(rng.uniform(0.75, 1.15)))
        peak = [(x - half, base * h), (x, top), (x + half, base * h)]
        canvas.polygon(peak, tone, ADE20K["mountain"])
        canvas.polygon([(x, top), (x + half, base * h), (x + 0.2 * half, base * h)], shade(tone, 0.8))
        snow = 0.3 * (base * h - top)
        cap = [(x, top), (x + half * 0.3, top + snow), (x, top + 0.7 * snow), (x - half * 0.3, top + snow)]
        canvas.polygon(cap, (232, 236, 242))


def _tree(canvas: Canvas, x: float, ground: float, size: float, rng: np.random.Generator) -> None:
    trunk, leaf = vary(rng, (92, 64, 40), 15), vary(rng, (44, 96, 44), 22)
    canvas.rectangle(x - 0.06 * size, ground - 0.5 * size, x + 0.06 * size, ground, trunk, ADE20K["tree"])
    for _ in range(7):
        dx, dy = rng.uniform(-0.24, 0.24), rng.uniform(-0.95, -0.4)
        radius = float(rng.uniform(0.14, 0.24)) * size
        tone = shade(leaf, float(rng.uniform(0.7, 1.25)))
        canvas.ellipse((x + dx * size, ground + dy * size), (radius, radius * 0.85), tone, ADE20K["tree"])


def _window(canvas: Canvas, x: float, y: float, w: float, h: float, rng: np.random.Generator) -> None:
    canvas.rectangle(x, y, x + w, y + h, vary(rng, (235, 232, 225), 12), ADE20K["windowpane"])
    glass = vary(rng, (168, 205, 232), 25)
    for i in range(2):
        for j in range(2):
            left, top = x + w * (0.07 + 0.47 * i), y + h * (0.07 + 0.47 * j)
            canvas.rectangle(left, top, left + 0.4 * w, top + 0.4 * h, glass)


def _bedroom(canvas: Canvas, w: float, h: float, rng: np.random.Generator) -> None:
    floor = h * float(rng.uniform(0.66, 0.76))
    _band(canvas, 0, floor, vary(rng, (206, 178, 190), 22), "wall", rng)
    _band(canvas, floor, h, vary(rng, (150, 108, 74), 18), "floor", rng)
    _window(canvas, w * float(rng.uniform(0.05, 0.7)), h * 0.08, w * 0.24, h * 0.3, rng)
    side = float(rng.choice([-1.0, 1.0]))
    x, span = w * (0.5 + side * float(rng.uniform(0.12, 0.3))), w * 0.29
    cover, top = vary(rng, (120, 92, 150), 45), floor - h * 0.13
    canvas.rectangle(x - span, top - h * 0.1, x - span + 8, floor + h * 0.1, (96, 62, 40), ADE20K["bed"])
    canvas.rectangle(x - span, top, x + span, floor + h * 0.07, cover, ADE20K["bed"])
    canvas.rectangle(x - span, top, x + span, top + h * 0.05, shade(cover, 1.3))
    canvas.ellipse((x - span * 0.7, top), (span * 0.25, h * 0.04), (240, 238, 230), ADE20K["bed"])


def _kitchen(canvas: Canvas, w: float, h: float, rng: np.random.Generator) -> None:
    floor = h * float(rng.uniform(0.68, 0.78))
    _band(canvas, 0, floor, vary(rng, (214, 214, 176), 20), "wall", rng)
    _band(canvas, floor, h, vary(rng, (186, 186, 190), 15), "floor", rng)
    for x in np.arange(0, w, w / 9):
        canvas.line([(float(x), floor), ((float(x) - w / 2) * 1.6 + w / 2, h)], 0.8, (140, 140, 146))
    front = vary(rng, (178, 120, 74), 25)
    for i in range(int(rng.integers(3, 6))):
        x = w * (float(rng.uniform(0, 0.1)) + 0.2 * i)
        canvas.rectangle(x, 0, x + w * 0.17, h * 0.17, shade(front, float(rng.uniform(0.9, 1.1))), ADE20K["cabinet"])
        canvas.ellipse((x + w * 0.14, h * 0.13), (1.5, 1.5), (60, 60, 60))
    x, top = w * float(rng.uniform(0.05, 0.45)), floor - h * 0.13
    wood = vary(rng, (132, 88, 56), 20)
    for leg in (0.04, 0.44):
        canvas.rectangle(x + leg * w, top, x + leg * w + 5, floor + h * 0.06, shade(wood, 0.8), ADE20K["table"])
    canvas.rectangle(x, top - 4, x + w * 0.5, top + h * 0.045, wood, ADE20K["table"])


def _street(canvas: Canvas, w: float, h: float, rng: np.random.Generator) -> None:
    curb = h * float(rng.uniform(0.6, 0.68))
    _band(canvas, 0, curb, vary(rng, (150, 176, 206), 20), "sky", rng)
    _band(canvas, curb, curb + 0.1 * h, vary(rng, (168, 164, 158), 12), "sidewalk", rng)
    _band(canvas, curb + 0.1 * h, h, vary(rng, (82, 82, 88), 10), "road", rng)
    x = -w * 0.05
    while x < w:
        span, top = w * float(rng.uniform(0.16, 0.3)), h * float(rng.uniform(0.0, 0.28))
        brick = vary(rng, (150, 112, 98), 38)
        canvas.rectangle(x, top, x + span, curb, brick, ADE20K["building"])
        pane = shade(brick, float(rng.choice([0.5, 1.5])))
        for wy in np.arange(top + 6, curb - 14, 18):
            for wx in np.arange(x + 6, x + span - 8, 15):
                canvas.rectangle(float(wx), float(wy), float(wx) + 7, float(wy) + 10, pane)
        x += span + w * float(rng.choice([0.0, 0.05]))
    for dash in np.arange(-20, w, 46):
        canvas.rectangle(float(dash), h * 0.9, float(dash) + 24, h * 0.92, (224, 220, 190))


def _beach(canvas: Canvas, w: float, h: float, rng: np.random.Generator) -> None:
    horizon, shore = h * float(rng.uniform(0.36, 0.46)), h * float(rng.uniform(0.6, 0.68))
    _band(canvas, 0, horizon, vary(rng, (136, 196, 236), 18), "sky", rng)
    _band(canvas, horizon, shore, vary(rng, (38, 118, 162), 20), "sea", rng)
    _band(canvas, shore, h, vary(rng, (226, 200, 142), 14), "sand", rng)
    for y in np.arange(horizon + 6, shore, 9):
        x = float(rng.uniform(0, w))
        canvas.line([(x, float(y)), (x + w * 0.2, float(y) + 1)], 1.2, (190, 220, 232))
    foam = [(float(x), shore + float(rng.uniform(-2, 2))) for x in np.linspace(-4, w + 4, 14)]
    canvas.line(foam, 3, (240, 244, 244), ADE20K["sea"])
    if rng.random() < 0.5:
        canvas.ellipse((w * float(rng.uniform(0.1, 0.9)), h * 0.12), (h * 0.06, h * 0.06), (255, 244, 190))


def _forest(canvas: Canvas, w: float, h: float, rng: np.random.Generator) -> None:
    ground = h * float(rng.uniform(0.62, 0.72))
    _band(canvas, 0, ground, vary(rng, (176, 206, 206), 20), "sky", rng)
    _band(canvas, ground, h, vary(rng, (88, 136, 60), 18), "grass", rng)
    for x in np.linspace(0, w, 8):
        far = ground + h * float(rng.uniform(-0.02, 0.04))
        _tree(canvas, float(x) + float(rng.uniform(-12, 12)), far, h * float(rng.uniform(0.45, 0.75)), rng)


def _mountain(canvas: Canvas, w: float, h: float, rng: np.random.Generator) -> None:
    ground = float(rng.uniform(0.62, 0.7))
    _band(canvas, 0, ground * h, vary(rng, (184, 200, 224), 18), "sky", rng)
    _ridge(canvas, w, h, ground, 0.55, 4, rng)
    _band(canvas, ground * h, h, vary(rng, (128, 104, 82), 14), "earth", rng)
    for _ in range(12):
        x, y = float(rng.uniform(0, w)), float(rng.uniform(ground + 0.03, 1)) * h
        radius = float(rng.uniform(2, 5))
        canvas.ellipse((x, y), (radius, radius * 0.6), vary(rng, (140, 128, 116), 15))


_PAINTERS: Final[dict[str, Callable[[Canvas, float, float, np.random.Generator], None]]] = {
    "bedroom": _bedroom,
    "kitchen": _kitchen,
    "street": _street,
    "beach": _beach,
    "forest": _forest,
    "mountain": _mountain,
}
