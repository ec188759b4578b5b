"""Colours that colour-blind people tell apart, and what is legible on them.

Source: Okabe and Ito, Color Universal Design, without black; contrast as WCAG 2.2 defines it.
"""

from PIL import ImageColor

COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
BLACK, WHITE = "#000000", "#FFFFFF"


def legible(background: str) -> str:
    """Black or white, whichever stands out more."""
    return max(BLACK, WHITE, key=lambda ink: contrast(ink, background))


def contrast(one: str, other: str) -> float:
    """1 for the same colour, 21 for black and white; text wants 4.5."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(value / 255) for value in ImageColor.getrgb(colour)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
