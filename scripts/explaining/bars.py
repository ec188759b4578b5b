"""Each stream's share of the score as bars: to the right what speaks for a class, to the left what speaks against."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw

from heads.head import DIMENSIONS
from scripts.prediction.colours import BLACK, WHITE
from scripts.prediction.lettering import Font, line_height, width_of

FOR, AGAINST, AXIS = "#0072B2", "#D55E00", "#7F7F7F"
BAR = 220
"""Pixels of the longest bar."""
_PAD = 10


def chart(answer: Mapping[str, Any], untrained: Sequence[str], font: Font) -> Image.Image:
    """One of ``streams.left_out``. untrained: streams that no trained network made, which are named without a
    bar."""
    lines, high = answer["names"], line_height(font)
    titles = [title(one, answer["title"]) for one in lines]
    texts = [[said(one, answer["title"]) for one in line["inputs"].values()] for line in lines]
    marked = [f"{name}: UNTRAINED, not drawn" for name in untrained]
    names = [*(name for line in lines for name in line["inputs"])] or ["no stream"]
    left, right = width_of(names, font), width_of([text for row in texts for text in row] or [""], font)
    longest = max((abs(one["share"]) for line in lines for one in line["inputs"].values()), default=0.0)
    rows = sum(1 + len(line["inputs"]) for line in lines) + len(marked)
    width = max(left + 2 * BAR + right + 4 * _PAD, width_of([*titles, *marked], font) + 2 * _PAD)
    out = Image.new("RGB", (width, rows * high + (len(lines) + 1) * _PAD), WHITE)
    pen, y = ImageDraw.Draw(out), _PAD
    middle = left + 2 * _PAD + BAR
    for line, head, row in zip(lines, titles, texts, strict=True):
        pen.text((_PAD, y), head, fill=BLACK, font=font)
        y += high
        pen.line((middle, y, middle, y + len(row) * high), fill=AXIS)
        for (name, one), text in zip(line["inputs"].items(), row, strict=True):
            _bar(pen, (middle, y), one["share"] / longest if longest else 0.0, high)
            pen.text((_PAD, y), name, fill=BLACK, font=font)
            pen.text((middle + BAR + _PAD, y), text, fill=BLACK, font=font)
            y += high
        y += _PAD
    for place, text in enumerate(marked):
        pen.text((_PAD, y - _PAD // 2 + place * high), text, fill=AGAINST, font=font)
    return out


def title(line: Mapping[str, Any], kind: str) -> str:
    """What is said with all streams: ``Anger 41.0 %, logit 1.32``."""
    value = f"{line['share']:.3f}" if kind == DIMENSIONS else f"{100 * line['share']:.1f} %"
    return f"{line['name']} {value}" + (f", logit {line['logit']:+.2f}" if "logit" in line else "")


def said(change: Mapping[str, float], kind: str) -> str:
    """What a stream adds: points are hundredths of a share."""
    value = f"{change['share']:+.3f}" if kind == DIMENSIONS else f"{100 * change['share']:+.1f} points"
    return value + (f", logit {change['logit']:+.2f}" if "logit" in change else "")


def _bar(pen: ImageDraw.ImageDraw, start: tuple[int, int], length: float, high: int) -> None:
    """length: -1..1, of the longest."""
    x, y = start
    end = x + round(BAR * length)
    if end != x:
        pen.rectangle((min(x, end), y + high // 5, max(x, end), y + high - high // 5), fill=FOR if end > x else AGAINST)
