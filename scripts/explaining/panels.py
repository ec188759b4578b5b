"""Pictures of where a head looked: a heat map over the photograph, objects with their weights, the graph of labels."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scripts.explaining.looking import LEAST_EDGE, Map, Object
from scripts.prediction.colours import BLACK, COLOURS, WHITE, legible
from scripts.prediction.heat import coloured, lay
from scripts.prediction.lettering import Font, line_height

HIGH = 420
"""Pixels of a panel."""
_LONGEST = 3 * HIGH
_PERSON = "#56B4E9"


def photograph(image: Image.Image, box: NDArray[np.floating] | None) -> Image.Image:
    """As high as a panel, with the person's box."""
    scale = min(HIGH / image.height, _LONGEST / image.width)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    out = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    if box is not None:
        _frame(ImageDraw.Draw(out), box * scale, _PERSON, 3)
    return out


def heat(image: Image.Image | None, box: NDArray[np.floating] | None, one: Map) -> Image.Image:
    """The map from its least value (dark) to its greatest (light), over its part of the photograph; alone where there
    is no photograph, or its part of it is not known."""
    if image is None or one.frame is None:
        high, wide = one.values.shape
        return coloured(one.values, (max(1, round(HIGH * wide / high)), HIGH))
    out = photograph(image, None)
    scale = out.height / image.height
    left, top, right, bottom = (round(float(side) * scale) for side in one.frame)
    over = coloured(one.values, (max(1, right - left), max(1, bottom - top)))
    lay(over, out, (left, top))
    if box is not None:
        _frame(ImageDraw.Draw(out), box * scale, _PERSON, 2)
    return out


def objects(image: Image.Image, box: NDArray[np.floating] | None, found: Sequence[Object], font: Font) -> Image.Image:
    """Boxes with names and weights, lines as thick as the weight is great; the greatest on top."""
    out = photograph(image, box)
    pen, scale = ImageDraw.Draw(out), out.height / image.height
    greatest = max(one.weight for one in found)
    for place, one in reversed(list(enumerate(found))):
        colour = COLOURS[place % len(COLOURS)]
        corners = np.array(one.box) * scale
        _frame(pen, corners, colour, max(1, round(6 * one.weight / greatest)))
        _tag(pen, (float(corners[0]), float(corners[1])), f"{one.word} {100 * one.weight:.0f} %", colour, font)
    return out


def graph(names: Sequence[str], weights: NDArray[np.float64], font: Font) -> Image.Image:
    """Labels on a circle, a line from each to those that it takes of, as dark as the weight is great."""
    side = 2 * HIGH
    out = Image.new("RGB", (side, side), WHITE)
    pen, middle, radius = ImageDraw.Draw(out), side / 2, side / 2 - 130
    angles = [2 * math.pi * place / len(names) - math.pi / 2 for place in range(len(names))]
    points = [(middle + radius * math.cos(angle), middle + radius * math.sin(angle)) for angle in angles]
    others = weights * (1 - np.eye(len(names)))
    greatest = float(others.max()) if others.size else 0.0
    for i, j in sorted(np.argwhere(others >= LEAST_EDGE).tolist(), key=lambda edge: float(others[edge[0], edge[1]])):
        share = float(others[i, j]) / greatest
        grey = round(230 * (1 - share))
        pen.line((*points[i], *points[j]), fill=(grey, grey, grey), width=1 + round(2 * share))
        _arrow(pen, points[j], points[i], (grey, grey, grey))
    for name, angle, (x, y) in zip(names, angles, points, strict=True):
        pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=_PERSON, outline=BLACK)
        at = x + 12 * math.cos(angle), y + 12 * math.sin(angle)
        anchor = ("m" if abs(math.cos(angle)) < 0.1 else "l" if math.cos(angle) > 0 else "r") + (
            "m" if abs(math.sin(angle)) < 0.9 else "a" if math.sin(angle) > 0 else "d"
        )
        pen.text(at, name, fill=BLACK, font=font, anchor=anchor)
    return out


def _arrow(
    pen: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], ink: tuple[int, int, int]
) -> None:
    """A head at ``end``, to the label that takes."""
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    tip = end[0] - 6 * math.cos(angle), end[1] - 6 * math.sin(angle)
    wings = [(tip[0] - 9 * math.cos(angle + turn), tip[1] - 9 * math.sin(angle + turn)) for turn in (-0.4, 0.4)]
    pen.polygon([tip, *wings], fill=ink)


def _frame(pen: ImageDraw.ImageDraw, box: NDArray[np.floating], colour: str, width: int) -> None:
    x1, y1, x2, y2 = (round(float(side)) for side in box)
    x2, y2 = max(x1 + 1, x2), max(y1 + 1, y2)
    pen.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=legible(colour), width=width + 2)
    pen.rectangle((x1, y1, x2, y2), outline=colour, width=width)


def _tag(pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, colour: str, font: Font) -> None:
    """Inside the picture, above its place where there is room."""
    wide, high = math.ceil(font.getlength(text)) + 6, line_height(font) + 2
    x = min(max(0.0, at[0]), max(0, pen.im.size[0] - wide))
    y = max(0.0, at[1] - high)
    pen.rectangle((x, y, x + wide, y + high), fill=colour)
    pen.text((x + 3, y + 1), text, fill=legible(colour), font=font)
