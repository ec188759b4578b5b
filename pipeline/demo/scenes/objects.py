"""The eighteen small things of the surroundings, each painted in a unit frame: -0.5 to 0.5, y downwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from pipeline.demo.scenes.canvas import Canvas, Colour, shade, vary
from pipeline.demo.scenes.design import ADE20K

_BRIGHT: Final[tuple[Colour, ...]] = (
    (214, 52, 48), (236, 168, 36), (58, 132, 212), (66, 168, 82), (166, 76, 186), (236, 112, 156), (48, 176, 176),
)  # fmt: skip
_DARK: Final[Colour] = (38, 38, 44)
_WOOD: Final[Colour] = (128, 84, 50)
RAISED: Final = frozenset({"painting", "clock", "traffic light", "flag", "lamp"})
"""Things that hang or stand high; the others lie or stand low."""


def paint_object(canvas: Canvas, name: str, rng: np.random.Generator) -> None:
    """One thing of design.SURROUNDINGS, filling the unit square around the frame's origin."""
    colour = vary(rng, _BRIGHT[int(rng.integers(len(_BRIGHT)))], 25)
    _PAINTERS[name](canvas, colour, ADE20K[name], rng)


def _lamp(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    c.rectangle(-0.04, -0.1, 0.04, 0.42, _DARK, label)
    c.ellipse((0, 0.44), (0.22, 0.06), _DARK, label)
    c.polygon([(-0.2, -0.5), (0.2, -0.5), (0.42, 0.02), (-0.42, 0.02)], shade(colour, 1.2), label)
    c.polygon([(-0.1, -0.5), (0.08, -0.5), (0.14, 0.02), (-0.22, 0.02)], (255, 244, 200))


def _painting(c: Canvas, colour: Colour, label: int, rng: np.random.Generator) -> None:
    c.rectangle(-0.5, -0.4, 0.5, 0.4, (150, 112, 40), label)
    c.rectangle(-0.4, -0.3, 0.4, 0.3, (226, 222, 208))
    c.ellipse((float(rng.uniform(-0.15, 0.15)), -0.02), (0.22, 0.16), colour)
    c.polygon([(-0.4, 0.3), (-0.1, 0.02), (0.1, 0.2), (0.25, 0.08), (0.4, 0.3)], shade(colour, 0.55))


def _clock(c: Canvas, colour: Colour, label: int, rng: np.random.Generator) -> None:
    c.ellipse((0, 0), (0.5, 0.5), shade(colour, 0.6), label)
    c.ellipse((0, 0), (0.4, 0.4), (246, 244, 236))
    for turn, length in ((float(rng.uniform(0, 6.28)), 0.34), (float(rng.uniform(0, 6.28)), 0.24)):
        c.line([(0, 0), (length * float(np.sin(turn)), -length * float(np.cos(turn)))], 0.06, _DARK)
    for turn in np.arange(0, 6.28, 1.5708):
        c.ellipse((0.33 * float(np.cos(turn)), 0.33 * float(np.sin(turn))), (0.04, 0.04), _DARK)


def _car(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    c.polygon([(-0.32, 0), (-0.2, -0.3), (0.2, -0.3), (0.34, 0)], shade(colour, 0.85), label)
    c.polygon([(-0.24, -0.02), (-0.16, -0.24), (0.16, -0.24), (0.25, -0.02)], (190, 218, 232))
    c.rectangle(-0.5, -0.03, 0.5, 0.24, colour, label)
    for x in (-0.28, 0.28):
        c.ellipse((x, 0.24), (0.13, 0.13), _DARK, label)
        c.ellipse((x, 0.24), (0.06, 0.06), (180, 180, 184))
    c.ellipse((0.46, 0.06), (0.04, 0.05), (255, 240, 170))


def _traffic_light(c: Canvas, _: Colour, label: int, rng: np.random.Generator) -> None:
    c.rectangle(-0.05, 0.3, 0.05, 0.5, (92, 92, 96), label)
    c.rectangle(-0.22, -0.5, 0.22, 0.34, (34, 36, 34), label)
    lit = int(rng.integers(3))
    for i, lamp in enumerate(((236, 44, 40), (246, 190, 40), (60, 214, 92))):
        c.ellipse((0, -0.35 + 0.27 * i), (0.12, 0.12), lamp if i == lit else shade(lamp, 0.5))


def _bench(c: Canvas, _: Colour, label: int, rng: np.random.Generator) -> None:
    wood = vary(rng, _WOOD, 25)
    for y in (-0.3, -0.14, 0.06):
        c.rectangle(-0.5, y, 0.5, y + 0.1, shade(wood, 1.1 - y * 0.3), label)
    for x in (-0.4, 0.34):
        c.rectangle(x, -0.34, x + 0.07, 0.4, (58, 60, 64), label)


def _flower(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    c.line([(0, 0), (0.02, 0.5)], 0.08, (58, 128, 52), label)
    c.ellipse((0.14, 0.32), (0.14, 0.06), (66, 142, 60), label, -30)
    for turn in np.arange(0, 6.28, 1.0472):
        petal = (0.22 * float(np.cos(turn)), -0.14 + 0.22 * float(np.sin(turn)))
        c.ellipse(petal, (0.16, 0.16), colour, label)
    c.ellipse((0, -0.14), (0.12, 0.12), (250, 214, 70), label)


def _plant(c: Canvas, colour: Colour, label: int, rng: np.random.Generator) -> None:
    leaf = vary(rng, (54, 134, 66), 18)
    for angle in (-62, -30, 0, 30, 62):
        x, y = 0.26 * np.sin(np.deg2rad(angle)), -0.26 * np.cos(np.deg2rad(angle))
        c.ellipse((float(x), float(y)), (0.09, 0.27), shade(leaf, 1 + angle / 200), label, angle)
    c.polygon([(-0.24, 0.08), (0.24, 0.08), (0.17, 0.5), (-0.17, 0.5)], shade(colour, 0.75), label)


def _animal(c: Canvas, _: Colour, label: int, rng: np.random.Generator) -> None:
    fur = vary(rng, ((168, 116, 62), (110, 100, 96), (222, 208, 188))[int(rng.integers(3))], 14)
    for x in (-0.26, -0.12, 0.12, 0.24):
        c.rectangle(x - 0.04, 0.1, x + 0.05, 0.45, shade(fur, 0.8), label)
    c.line([(-0.32, -0.02), (-0.48, -0.24)], 0.09, fur, label)
    c.ellipse((-0.03, 0.04), (0.34, 0.18), fur, label)
    c.ellipse((0.32, -0.18), (0.19, 0.18), fur, label)
    for x in (0.2, 0.42):
        c.polygon([(x - 0.08, -0.28), (x, -0.5), (x + 0.08, -0.28)], shade(fur, 0.7), label)
    c.ellipse((0.38, -0.2), (0.03, 0.035), _DARK)


def _food(c: Canvas, _: Colour, label: int, rng: np.random.Generator) -> None:
    c.ellipse((0, 0), (0.5, 0.36), (206, 146, 74), label)
    c.ellipse((0, -0.02), (0.42, 0.29), (242, 202, 92))
    for _i in range(7):
        spot = (float(rng.uniform(-0.28, 0.28)), float(rng.uniform(-0.18, 0.16)))
        c.ellipse(spot, (0.08, 0.06), ((196, 48, 38), (70, 120, 44))[int(rng.integers(2))])


def _bottle(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    glass = shade(colour, 0.8)
    c.rectangle(-0.07, -0.5, 0.07, -0.1, glass, label)
    c.rectangle(-0.08, -0.5, 0.08, -0.42, (220, 200, 120), label)
    c.polygon([(-0.07, -0.22), (0.07, -0.22), (0.19, -0.04), (0.19, 0.5), (-0.19, 0.5), (-0.19, -0.04)], glass, label)
    c.rectangle(-0.19, 0.1, 0.19, 0.32, (240, 236, 224))


def _book(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    c.polygon([(-0.5, -0.26), (0, -0.16), (0.5, -0.26), (0.5, 0.26), (0, 0.36), (-0.5, 0.26)], colour, label)
    for side in (-1, 1):
        page = [(0, -0.12), (side * 0.44, -0.22), (side * 0.44, 0.2), (0, 0.3)]
        c.polygon(page, (246, 242, 228))
        for y in (-0.06, 0.04, 0.14):
            c.line([(side * 0.08, y), (side * 0.36, y - 0.06)], 0.03, (120, 120, 126))


def _ball(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    c.ellipse((0, 0), (0.48, 0.48), (244, 244, 240), label)
    c.ellipse((0, 0), (0.2, 0.48), colour)
    c.ellipse((-0.4, 0), (0.08, 0.25), shade(colour, 0.7))
    c.ellipse((0.4, 0), (0.08, 0.25), shade(colour, 0.7))


def _bicycle(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    for x in (-0.29, 0.29):
        c.ellipse((x, 0.16), (0.25, 0.25), _DARK, label)
        c.ellipse((x, 0.16), (0.16, 0.16), (176, 178, 182))
    c.line([(-0.29, 0.16), (-0.1, -0.2), (0.2, -0.2), (0, 0.16), (-0.29, 0.16)], 0.08, colour, label)
    c.line([(0.29, 0.16), (0.18, -0.36), (0.32, -0.38)], 0.08, colour, label)
    c.line([(-0.2, -0.28), (-0.02, -0.28)], 0.09, _DARK, label)


def _flag(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    c.rectangle(-0.42, -0.5, -0.34, 0.5, (196, 196, 200), label)
    wave = [(-0.34, -0.46), (0, -0.4), (0.46, -0.46), (0.46, 0.08), (0, 0.14), (-0.34, 0.08)]
    c.polygon(wave, colour, label)
    c.polygon([(-0.34, -0.28), (0, -0.22), (0.46, -0.28), (0.46, -0.1), (0, -0.04), (-0.34, -0.1)], (244, 242, 236))


def _boat(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    c.rectangle(-0.04, -0.5, 0.02, 0.16, _WOOD, label)
    c.polygon([(0.05, -0.46), (0.4, 0.08), (0.05, 0.08)], (246, 246, 242), label)
    c.polygon([(-0.07, -0.36), (-0.07, 0.08), (-0.34, 0.08)], shade(colour, 1.2), label)
    c.polygon([(-0.5, 0.14), (0.5, 0.14), (0.34, 0.44), (-0.34, 0.44)], colour, label)


def _tent(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    c.polygon([(0, -0.42), (0.5, 0.42), (-0.5, 0.42)], colour, label)
    c.polygon([(0, -0.42), (0.5, 0.42), (0.2, 0.42)], shade(colour, 0.7))
    c.polygon([(-0.02, -0.1), (0.14, 0.42), (-0.2, 0.42)], _DARK)


def _bag(c: Canvas, colour: Colour, label: int, _: np.random.Generator) -> None:
    c.line([(-0.2, -0.1), (-0.16, -0.42), (0.16, -0.42), (0.2, -0.1)], 0.09, shade(colour, 0.6), label)
    c.polygon([(-0.36, -0.14), (0.36, -0.14), (0.46, 0.48), (-0.46, 0.48)], colour, label)
    c.rectangle(-0.24, 0.12, 0.24, 0.36, shade(colour, 0.7))
    c.ellipse((0, -0.02), (0.05, 0.05), (236, 214, 120))


_PAINTERS: Final[dict[str, Callable[[Canvas, Colour, int, np.random.Generator], None]]] = {
    "lamp": _lamp, "painting": _painting, "clock": _clock, "car": _car, "traffic light": _traffic_light,
    "bench": _bench, "flower": _flower, "plant": _plant, "animal": _animal, "food": _food, "bottle": _bottle,
    "book": _book, "ball": _ball, "bicycle": _bicycle, "flag": _flag, "boat": _boat, "tent": _tent, "bag": _bag,
}  # fmt: skip
