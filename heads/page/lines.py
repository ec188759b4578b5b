"""Lines through means with their intervals, as SVG: each line has its own colour and its own shape of points."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from heads.page.charts import WIDTH, Scale, svg, text
from heads.page.curves import path, ticks
from heads.page.elements import Html, element, number
from heads.page.scatter import colour, shape, style

LEFT, TOP, RIGHT, BOTTOM = 44, 20, WIDTH - 10, 190
_HEIGHT, _MARGIN, _APART, _BETWEEN = 226, 14, 3, 26
"""Room inside the axes' ends, between two lines' intervals at one place, and between two words below, in pixels."""
_WIDE = 30.0
"""Positive numbers of which the largest is so many times the smallest are set apart by their ratios."""


class Point(NamedTuple):
    """x as it is; mean and interval in the unit of the axis; told: all of it in words."""

    x: float
    mean: float
    low: float
    high: float
    told: str


def lines(title: str, name: str, below: str, series: Sequence[Sequence[Point]], ends: tuple[float, float]) -> Html:
    """name: what is drawn, with its unit. below: what the points' x are. series: at least one, of at least one point.
    ends: where the axis begins and ends."""
    xs = sorted({point.x for one in series for point in one})
    x, (low, high) = _across(xs), ends

    def y(value: float) -> float:
        return BOTTOM - (value - low) / ((high - low) or 1) * (BOTTOM - TOP)

    drawn = [_series(one, place, (place - (len(series) - 1) / 2) * _APART, x, y) for place, one in enumerate(series)]
    words = [text(name, LEFT, 12, kind="name"), text(below, RIGHT, BOTTOM + 30, "end", "tick")]
    return svg(title, _HEIGHT, *words, *ticks(low, high, y), *_values(xs, x), *drawn)


def _across(xs: Sequence[float]) -> Scale:
    scale = math.log if xs[0] > 0 and xs[-1] / xs[0] >= _WIDE else float
    start, width = scale(xs[0]), scale(xs[-1]) - scale(xs[0])
    room = RIGHT - LEFT - 2 * _MARGIN
    return lambda value: LEFT + _MARGIN + room * ((scale(value) - start) / width if width else 0.5)


def _series(points: Sequence[Point], place: int, aside: float, x: Scale, y: Scale) -> Html:
    line = path([(x(one.x) + aside, y(one.mean)) for one in points])
    parts = [element("path", d=line, class_=f"line {colour(place)}")]
    for one in points:
        at = number(x(one.x) + aside)
        parts.append(
            element(
                "g",
                element("title", one.told),
                element(
                    "line",
                    x1=at,
                    x2=at,
                    y1=number(y(one.low)),
                    y2=number(y(one.high)),
                    class_=f"reach {colour(place)}",
                ),
                element("path", d=f"M{at} {number(y(one.mean))}{shape(place)}", class_=style(place)),
            )
        )
    return element("g", *parts)


def _values(xs: Sequence[float], x: Scale) -> list[Html]:
    """The values below the axis, without those that would touch the one before."""
    found: list[Html] = []
    last = -math.inf
    for value in xs:
        if x(value) - last >= _BETWEEN:
            last = x(value)
            found.append(text(f"{value:g}", last, BOTTOM + 15, "middle", "tick"))
    return found
