"""Counts as SVG, each split in its own colour: bars upwards, bars along, and a field of squares."""

from collections.abc import Mapping, Sequence
from typing import Any

from heads.page.charts import AXIS, WIDTH, axis, axis_end, short, svg, text
from heads.page.curves import ticks
from heads.page.elements import Html, element, number, percent
from heads.page.scatter import colour

_LEFT, _TOP, _RIGHT, _BOTTOM = 44, 20, WIDTH - 10, 158
_HEIGHT = 190
_LABEL, _VALUE, _BAR, _BETWEEN = 112, 40, 8, 6
_SQUARE, _ROOM = 17, 118


def upwards(title: str, counted: Mapping[str, Any]) -> Html:
    """counted: of ``histograms.histogram``. A bar's height is its share of the split's known values."""
    shares = {split: _shares(one["counts"]) for split, one in counted["splits"].items()}
    top = 100 * axis_end(max((max(found) for found in shares.values()), default=0.0))
    names = counted["bins"]
    slot = (_RIGHT - _LEFT) / len(names)
    width = (slot - 4) / max(len(shares), 1)

    def y(value: float) -> float:
        return _BOTTOM - value / top * (_BOTTOM - _TOP)

    parts = [text("% of those known", _LEFT, 12, kind="name"), *ticks(0, top, y)]
    for place, (split, found) in enumerate(shares.items()):
        for at, share in enumerate(found):
            if share:
                told = f"{split}, {names[at]}: {counted['splits'][split]['counts'][at]:,} ({percent(share)} %)"
                left, height = _LEFT + at * slot + 2 + place * width, _BOTTOM - y(100 * share)
                parts.append(_bar(told, left, _BOTTOM - height, width, height, place))
    words = [text(name, _LEFT + (at + 0.5) * slot, _BOTTOM + 14, "middle", "tick") for at, name in enumerate(names)]
    return svg(title, _HEIGHT, *parts, *words, text(counted["unit"], _RIGHT, _BOTTOM + 28, "end", "tick"))


def along(title: str, names: Sequence[str], counts: Mapping[str, Sequence[int]], people: Mapping[str, int]) -> Html:
    """A row a name with a bar for each split: the share of its ``people``. The number is of all splits together."""
    shares = {split: [count / max(people[split], 1) for count in found] for split, found in counts.items()}
    top = axis_end(max((max(found, default=0.0) for found in shares.values()), default=0.0))
    row = _BAR * max(len(shares), 1) + _BETWEEN
    bottom, right = len(names) * row + 4.0, WIDTH - _VALUE

    def x(value: float) -> float:
        return _LABEL + value / top * (right - _LABEL)

    parts = [axis(top, x, bottom)]
    for at, name in enumerate(names):
        start = at * row + 2 + _BETWEEN / 2
        middle = start + _BAR * max(len(shares), 1) / 2 + 4
        for place, (split, found) in enumerate(shares.items()):
            told = f"{name}, {split}: {counts[split][at]:,} people ({percent(found[at])} %)"
            parts.append(_bar(told, _LABEL, start + place * _BAR, x(found[at]) - _LABEL, _BAR - 1, place))
        parts.append(text(short(name), _LABEL - 8, middle, "end"))
        parts.append(text(f"{sum(found[at] for found in counts.values()):,}", WIDTH - 2, middle, "end", "value"))
    return svg(title, bottom + AXIS, *parts)


def field(title: str, names: Sequence[str], matrix: Sequence[Sequence[int]]) -> Html:
    """matrix: [i][j] people with both. A square is as dark as the share of the row's people who have the column's label
    too; the diagonal is left white."""
    side = len(names) * _SQUARE
    parts = []
    for row, name in enumerate(names):
        y = _ROOM + row * _SQUARE
        parts.append(text(short(name), _ROOM - 6, y + _SQUARE - 5, "end"))
        at = f"translate({number(_ROOM + (row + 0.5) * _SQUARE + 4)} {_ROOM - 6}) rotate(-90)"
        parts.append(element("text", short(name), transform=at))
        for column, count in enumerate(matrix[row]):
            share = count / matrix[row][row] if matrix[row][row] else 0.0
            if column != row and share:
                told = f"{count:,} of {matrix[row][row]:,} people with {name} have {names[column]} ({percent(share)} %)"
                parts.append(_square(told, _ROOM + column * _SQUARE, y, share))
    frame = element("rect", x=_ROOM, y=_ROOM, width=side, height=side, fill="none", class_="grid")
    return svg(title, _ROOM + side + 4, frame, *parts, width=_ROOM + side + 4, kind="square")


def _shares(counts: Sequence[int]) -> list[float]:
    return [count / max(sum(counts), 1) for count in counts]


def _bar(told: str, x: float, y: float, width: float, height: float, place: int) -> Html:
    box = {"x": number(x), "y": f"{y:.2f}", "width": f"{max(width, 0.1):.2f}", "height": f"{max(height, 0.1):.2f}"}
    return element("rect", element("title", told), **box, class_=f"{colour(place)} solid")


def _square(told: str, x: float, y: float, share: float) -> Html:
    box = {"x": x, "y": y, "width": _SQUARE - 1, "height": _SQUARE - 1, "fill_opacity": f"{share:.3f}"}
    return element("rect", element("title", told), **box, class_="cell")
