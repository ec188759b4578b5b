"""Text in pictures: fonts that follow the image, lines that fit a width."""

import math
from collections.abc import Sequence

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
LEAST = 10
"""Pixels of a font that can still be read."""
PER_IMAGE, PER_WIDTH = 42, 13
"""Font sizes along an image, by its area, and the least across it."""


def font_of(size: tuple[int, int]) -> Font:
    """For an image of ``size`` (width, height)."""
    return ImageFont.load_default(max(LEAST, round(min(math.sqrt(size[0] * size[1]) / PER_IMAGE, size[0] / PER_WIDTH))))


def line_height(font: Font) -> int:
    """Of one line with its descenders."""
    top, bottom = (font.getbbox("Ågjpqy|")[side] for side in (1, 3))
    return math.ceil(bottom - min(top, 0))


def width_of(lines: Sequence[str], font: Font) -> int:
    """Of the widest."""
    return max(math.ceil(font.getlength(line)) for line in lines)


def wrapped(text: str, font: Font, width: float) -> list[str]:
    """``text`` in lines of at most ``width`` pixels: broken at blanks, and inside a word only where it is too long."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        pieces = _pieces(word, font, width)
        lines = [*lines, *pieces] if lines[-1] else pieces
    return lines


def _pieces(word: str, font: Font, width: float) -> list[str]:
    """``word`` cut to ``width``, a letter at least in each piece."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
