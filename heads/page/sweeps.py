"""Rows that differ in one number alone, in line: a grid of settings as curves, found from the rows' settings."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heads.page.scatter import COLOURS

Row = Mapping[str, Any]
Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Line:
    """value: of the second setting, None without one. points: (value of the first setting, row), rising, at least
    two."""

    value: float | None
    points: Sequence[tuple[float, Row]]


@dataclass(frozen=True)
class Sweep:
    """A picture: ``setting`` along it, a line for each value of ``second`` (None with one line alone). fixed: what the
    other numbers are that vary among the head's rows."""

    head: str
    setting: str
    second: str | None
    fixed: Numbers
    lines: Sequence[Line]

    @property
    def rows(self) -> list[Row]:
        """Every row that has a point."""
        return [row for line in self.lines for _, row in line.points]


def sweeps(rows: Sequence[Row]) -> list[Sweep]:
    """Of rows of results.json with ``head`` and ``settings``. The number with the most values comes first; another one
    is swept only where that shows a row that is in no line yet, so that a whole grid is drawn once and a cross of two
    settings twice."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        words = {name: None if _is_number(value) else [value] for name, value in row["settings"].items()}
        alike.setdefault(json.dumps([row["head"], words], sort_keys=True), []).append(row)
    return [found for group in alike.values() for found in _of(group)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of(group: Sequence[Row]) -> Iterator[Sweep]:
    """group: rows that differ in numbers alone."""
    names = _varying([row["settings"] for row in group], [n for n, v in group[0]["settings"].items() if _is_number(v)])
    shown: set[str] = set()
    for setting in names:
        others = [name for name in names if name != setting]
        lines = [(fixed, points) for fixed, points in _lines(group, setting, others) if len(points) > 1]
        mine = {row["name"] for _, points in lines for _, row in points}
        if mine - shown:
            shown |= mine
            yield from _pictures(group[0]["head"], setting, others, lines)


def _varying(values: Sequence[Numbers], names: Sequence[str]) -> list[str]:
    """The names of which there is more than one value, those with the most first."""
    counts = {name: len({one[name] for one in values}) for name in names}
    return sorted((name for name in names if counts[name] > 1), key=lambda name: -counts[name])


def _lines(
    group: Sequence[Row], setting: str, others: Sequence[str]
) -> list[tuple[dict[str, float], list[tuple[float, Row]]]]:
    """(the other numbers, points) of every line, rising in the first of ``others``; of rows with one setting the first
    counts."""
    found: dict[tuple[float, ...], dict[float, Row]] = {}
    for row in group:
        fixed = tuple(row["settings"][name] for name in others)
        found.setdefault(fixed, {}).setdefault(row["settings"][setting], row)
    every = sorted(found.items(), key=lambda line: line[0])
    return [
        (dict(zip(others, fixed, strict=True)), sorted(points.items(), key=lambda point: point[0]))
        for fixed, points in every
    ]


def _pictures(
    head: str,
    setting: str,
    others: Sequence[str],
    lines: Sequence[tuple[dict[str, float], list[tuple[float, Row]]]],
) -> Iterator[Sweep]:
    """One for every combination of the numbers beyond the second, and for as many lines as there are colours."""
    second = next(iter(_varying([fixed for fixed, _ in lines], others)), None)
    facets: dict[tuple[tuple[str, float], ...], list[Line]] = {}
    for fixed, points in lines:
        rest = tuple((name, value) for name, value in fixed.items() if name != second)
        facets.setdefault(rest, []).append(Line(None if second is None else fixed[second], points))
    for rest, found in facets.items():
        for start in range(0, len(found), COLOURS):
            part = found[start : start + COLOURS]
            alone = second is not None and len(part) == 1
            told = {**dict(rest), **({str(second): float(part[0].value or 0.0)} if alone else {})}
            kept = [Line(None, part[0].points)] if alone else part
            yield Sweep(head, setting, None if alone else second, told, kept)
