"""Pictures of several rows beside each other: class by class, and along a setting that differs from row to row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heads.page import charts
from heads.page.charts import WIDTH, svg, text
from heads.page.curves import limits
from heads.page.elements import Html, element, join, number
from heads.page.lines import Point, lines
from heads.page.material import Material, best_ensemble, laid_out
from heads.page.outcome import card, warned
from heads.page.scatter import COLOURS, colour, keyed, shape, style
from heads.page.sweeps import Line, Sweep, sweeps
from heads.tables import classes
from heads.tables.columns import titled
from heads.text import interval

Metric = Mapping[str, Any]
Row = Mapping[str, Any]
_LEFT, _RIGHT, _STEP, _SPACE = 112, WIDTH - 28, 13, 9


def sweeps_section(material: Material) -> Html:
    """A picture a metric for every sweep of numbers among the rows; empty without one."""
    found = sweeps([row for row in material.rows if row.get("settings")])
    drawn = [card for one in found for card in _swept(material, one)]
    told = "Rows that differ in one number, in line. Vertical lines: 95 % interval, drawn a little apart."
    return join([element("p", told), element("div", *drawn, class_="cards")] if drawn else [])


def classes_section(material: Material) -> Html:
    """A picture a metric in per cent that is told by class, the chosen rows beside each other; empty with fewer than
    two."""
    rows = chosen(material)
    every = [one for one in classes.metrics(material.results) if one["unit"] == "%"]
    drawn = [found for one in every if (found := _by_class(material, one, rows))]
    return element("div", *drawn, class_="cards") if drawn else Html("")


def chosen(material: Material) -> list[Row]:
    """Those of ``HEADS``, or else the reference, the first that was trained, the best on validation and the best
    ensemble; no more than there are colours."""
    usual = [material.results.get("reference"), *laid_out(material.rows), best_ensemble(material.rows)]
    wanted: list[str | None] = [*material.heads] or usual
    names = [name for name in dict.fromkeys(wanted) if name is not None]
    known: dict[str, Row] = {row["name"]: row for row in material.rows}
    return [known[name] for name in names if name in known][:COLOURS]


def _swept(material: Material, one: Sweep) -> list[Html]:
    known = [metric for metric in material.results["metrics"] if all(metric["name"] in r["metrics"] for r in one.rows)]
    return [_sweep(material, one, metric) for metric in known]


def _sweep(material: Material, one: Sweep, metric: Metric) -> Html:
    series = [[_point(one, line, x, row, metric) for x, row in line.points] for line in one.lines]
    ends = limits([np.array([value for line in series for point in line for value in point[2:4]])])
    fixed = ", ".join(f"{name} = {value:g}" for name, value in one.fixed.items())
    second = f", a line for each {one.second}" if one.second else ""
    title = f"{metric['title']} over {one.setting}{second}, {one.head}{f', {fixed}' if fixed else ''}"
    parts: list[str] = [lines(title, titled(metric), one.setting, series, ends)]
    if one.second:
        parts.append(keyed([f"{one.second} = {line.value:g}" for line in one.lines]))
    marked = [row["name"] for row in one.rows if material.untrained(row)]
    told = [f"{fixed}."] if fixed else []
    return card(
        f"{one.head}: {metric['title']} over {one.setting}", *parts, *told, *([warned(marked)] if marked else [])
    )


def _point(one: Sweep, line: Line, x: float, row: Row, metric: Metric) -> Point:
    score, scale = row["metrics"][metric["name"]], metric["scale"]
    second = f", {one.second} = {line.value:g}" if one.second else ""
    told = f"{row['name']}, {one.setting} = {x:g}{second}: {interval(score, scale)} {metric['unit']}".strip()
    mean, low, high = (scale * value for value in (score["mean"], *score["ci95"]))
    return Point(x, mean, low, high, told)


def _by_class(material: Material, metric: Metric, rows: Sequence[Row]) -> Html | None:
    name = metric["name"]
    having = [row for row in rows if row.get("classes", {}).get(name)]
    if len(having) < 2:
        return None
    shown = {row["name"]: row["classes"][name] for row in having}
    marked = [row["name"] for row in having if material.untrained(row)]
    title = f"{metric['title']} by class, {', '.join(shown)}"
    legend = keyed([f"{row}{' *' if row in marked else ''}" for row in shown])
    parts = [grouped(title, shown), legend, "Point and line: mean and 95 % interval, in per cent."]
    return card(f"{metric['title']} by class", *parts, *([warned(marked)] if marked else []))


def grouped(title: str, shown: Mapping[str, Mapping[str, Any]]) -> Html:
    """One group of points a class, in it one a row with its interval. shown: row -> class -> mean and ci95, in 0..1,
    or below where they may be, cut at -1; a row may lack a class."""
    names = list(dict.fromkeys(name for scores in shown.values() for name in scores))
    top = charts.axis_end(max(score["ci95"][1] for scores in shown.values() for score in scores.values()))
    start = charts.axis_start(min(score["ci95"][0] for scores in shown.values() for score in scores.values()))
    tall = _STEP * len(shown) + _SPACE
    bottom = tall * len(names)

    def x(value: float) -> float:
        return _LEFT + (max(min(value, top), start) - start) * (_RIGHT - _LEFT) / (top - start)

    parts = [charts.axis(top, x, bottom, start)]
    for at, name in enumerate(names):
        points = [
            _told(f"{name}, {row}", scores[name], place, at * tall + _SPACE / 2 + _STEP * (place + 0.5), x)
            for place, (row, scores) in enumerate(shown.items())
            if name in scores
        ]
        label = text(charts.short(name), _LEFT - 8, at * tall + tall / 2 + 4, "end")
        parts.append(element("g", element("title", name), label, *points))
    return svg(title, bottom + charts.AXIS, *parts)


def _told(what: str, score: Mapping[str, Any], place: int, y: float, x: charts.Scale) -> Html:
    low, high = score["ci95"]
    reach = element(
        "line", x1=number(x(low)), x2=number(x(high)), y1=number(y), y2=number(y), class_=f"reach {colour(place)}"
    )
    point = element("path", d=f"M{number(x(score['mean']))} {number(y)}{shape(place)}", class_=style(place))
    return element("g", element("title", f"{what}: {interval(score)} %"), reach, point)
