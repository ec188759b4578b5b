"""Charts as SVG from numbers. Colours and fonts are the style sheet's; every size is in pixels of a card's width."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heads.page.elements import Html, element, number, percent

WIDTH = 340
_LABEL, _RIGHT, _ROW, AXIS = 112, 40, 24, 24
_LONGEST = 17
LINES = ("dashed", "dotted", "fine")
"""How the lines of a chart are drawn, one after the other."""
Scale = Callable[[float], float]
"""A fraction as a coordinate."""


@dataclass(frozen=True)
class Mark:
    """One row of a chart: fractions in 0..1, the interval around the mean, what else was published, whether
    untrained features took part, and what this row would be without learning."""

    label: str
    mean: float
    low: float
    high: float
    paper: float | None = None
    untrained: bool = False
    level: float | None = None


def svg(title: str, height: float, *children: str, width: float = WIDTH, kind: str = "chart") -> Html:
    """A picture with a name for those who cannot see it."""
    box = f"0 0 {number(width)} {number(height)}"
    return element(
        "svg", element("title", title), *children, viewBox=box, role="img", aria_label=title, class_=f"plot {kind}"
    )


def bars(title: str, marks: Sequence[Mark], level: float | None, top: float) -> Html:
    """One bar a class with its interval, and a dashed line at ``level``. top: the axis ends there, a fraction."""
    return _rows(title, marks, [] if level is None else [level], top, filled=True)


def dots(title: str, marks: Sequence[Mark], lines: Sequence[float], top: float) -> Html:
    """One dot a head with its interval, a diamond where something is published; lines: where, in the order of
    ``LINES``."""
    return _rows(title, marks, lines, top, filled=False)


def axis_end(largest: float) -> float:
    """The next tenth above the largest fraction, at least 0.1 and at most 1."""
    return min(1.0, max(0.1, math.floor(largest * 10 + 1 - 1e-9) / 10))


def axis_start(smallest: float) -> float:
    """0, or the next tenth below the smallest fraction where that is negative, as R2 may be; at least -1."""
    return max(-1.0, math.floor(smallest * 10 + 1e-9) / 10) if smallest < 0 else 0.0


def _rows(title: str, marks: Sequence[Mark], lines: Sequence[float], top: float, filled: bool) -> Html:
    right, bottom = WIDTH - _RIGHT, len(marks) * _ROW + 4
    start = axis_start(min([0.0, *(min(mark.low, mark.mean) for mark in marks)]))
    scale = (right - _LABEL) / (top - start)

    def x(value: float) -> float:
        return _LABEL + (max(min(value, top), start) - start) * scale

    parts = [axis(top, x, bottom, start)]
    for place, mark in enumerate(marks):
        parts.append(_row(mark, place * _ROW + _ROW / 2 + 2, x, filled))
    for kind, value in zip(LINES, lines, strict=False):
        if value <= top:
            parts.append(_line(x(value), 0, x(value), bottom, kind))
    return svg(title, bottom + AXIS, *parts)


def _row(mark: Mark, y: float, x: Scale, filled: bool) -> Html:
    marked = ", UNTRAINED" if mark.untrained else ""
    told = f"{mark.label}{marked}: {percent(mark.mean)} % [{percent(mark.low)}, {percent(mark.high)}]"
    if mark.level is not None:
        told += f", without learning {percent(mark.level)} %"
    if mark.paper is not None:
        told += f", paper {percent(mark.paper)} %"
    shapes = [element("title", told), text(short(mark.label, mark.untrained), _LABEL - 8, y + 4, "end")]
    if filled:
        shapes.append(_bar(x(0), x(mark.mean), y))
    shapes.append(_line(x(mark.low), y, x(mark.high), y, "whisker"))
    if mark.level is not None:
        shapes.append(_line(x(mark.level), y - 10, x(mark.level), y + 10, LINES[0]))
    if not filled:
        shapes.append(element("circle", cx=number(x(mark.mean)), cy=number(y), r=4, class_="dot"))
    if mark.paper is not None:
        shapes.append(element("path", d=f"M{number(x(mark.paper))} {number(y - 5)}l5 5l-5 5l-5 -5z", class_="paper"))
    return element("g", *shapes, text(percent(mark.mean, 1), WIDTH - 2, y + 4, "end", "value"))


def _bar(start: float, end: float, y: float) -> Html:
    width = number(max(abs(end - start), 0.1))
    return element("rect", x=number(min(start, end)), y=number(y - 7), width=width, height=14, class_="bar")


def axis(top: float, x: Scale, bottom: float, start: float = 0.0) -> Html:
    """Lines and words of per cent from ``start`` to ``top``, fractions; ``AXIS`` pixels below ``bottom``."""
    step = 0.1 if top - start <= 0.5 else 0.25 if top - start <= 1 else 0.5
    places = range(math.ceil(start / step - 1e-9), round(top / step) + 1)
    ticks = [step * place for place in places if step * place <= top + 1e-9]
    lines = [_line(x(tick), 0, x(tick), bottom, "grid") for tick in ticks]
    words = [text(f"{100 * tick:.0f}", x(tick), bottom + 15, "middle", "tick") for tick in ticks]
    return element("g", *lines, *words, text("%", WIDTH - 2, bottom + 15, "end", "tick"))


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    return element("line", x1=number(x1), y1=number(y1), x2=number(x2), y2=number(y2), class_=kind)


def text(words: str, x: float, y: float, anchor: str = "start", kind: str | None = None) -> Html:
    """Words in a picture. anchor: start, middle or end of them is at ``x``."""
    return element("text", words, x=number(x), y=number(y), text_anchor=anchor, class_=kind)


def short(label: str, starred: bool = False) -> str:
    """As much of a label as there is room for beside a chart."""
    star = " *" if starred else ""
    longest = _LONGEST - len(star)
    return (label if len(label) <= longest else f"{label[: longest - 1]}…") + star
