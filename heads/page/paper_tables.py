"""The papers' tables of a grid, from summary.json: under each head the paper's numbers, ours, and what lies between."""

from collections.abc import Mapping, Sequence
from typing import Any

from heads.page import charts
from heads.page.charts import Mark
from heads.page.elements import Html, element, framed, join, stacked
from heads.page.outcome import badge, card, key_of, warned
from heads.tables import summary as tables
from heads.tables.columns import NONE

Summary = Mapping[str, Any]
Cell = Mapping[str, Any]
_OURS = "ours"


def table_section(summary: Summary, one: Mapping[str, Any]) -> Html:
    """One of the papers' tables, and a picture of each of its columns."""
    heads = [element("th", column["name"], scope="col", class_="number") for column in one["columns"]]
    title, floors = tables.main_title(summary, one), tables.floors(summary, one)
    first = element("th", title, scope="col")
    bodies = [_body(row["name"], tables.lines_of(summary, one, row, _SHOWN)) for row in one["rows"]]
    floor = element(
        "tbody", *(_line(name, ["" if value is None else value for value in found]) for name, found in floors)
    )
    source = f"; paper: as printed, measured on {one['dataset']}" if one["dataset"] else ""
    caption = f"{title.capitalize()} on {summary['dataset']}, with its 95 % interval{source}"
    pictures = [found for place in range(len(one["columns"])) if (found := _picture(summary, one, place))]
    lines = "; ".join(
        [*(["diamond: paper"] if one["dataset"] else []), *key_of(name.strip("()") for name, _ in floors)]
    )
    key = f"Dot and line: mean and 95 % interval; {lines}."
    return join(
        [
            framed(caption, element("thead", element("tr", first, *heads)), *bodies, floor, kind="grouped"),
            *([element("p", key), element("div", *pictures, class_="cards")] if pictures else []),
        ]
    )


def _body(name: str, lines: Sequence[tuple[str, Sequence[str]]]) -> Html:
    """The lines of one head below its name."""
    width = 1 + len(lines[0][1])
    heading = element("tr", element("th", element("span", name), scope="rowgroup", colspan=width))
    return element("tbody", heading, *(_line(kind, values) for kind, values in lines))


def _line(name: str, values: Sequence[str]) -> Html:
    cells = (element("td", value, class_="number") for value in values)
    return element("tr", element("th", name, scope="row"), *cells, class_="ours" if name == _OURS else None)


def _ours(cell: Cell, metric: Mapping[str, Any]) -> str:
    if not cell.get("metrics"):
        return element("span", cell["reason"], class_="absent")
    marks = [Html("<br/>"), badge(), element("small", f" {', '.join(cell['untrained'])}")] if cell["untrained"] else []
    score = cell["metrics"].get(metric["name"])
    return join([stacked(score, metric["scale"]) if score else NONE, *marks])


def _reference(cell: Cell, metric: Mapping[str, Any]) -> str:
    if apart := cell.get("to_reference"):
        return stacked(apart, metric["scale"], "+")
    return element("span", f"\u2013 {cell['unpaired']}", class_="absent") if cell.get("unpaired") else ""


_SHOWN = {
    "paper": lambda cell, metric: f"{metric['scale'] * cell['paper']:.2f}" if cell["paper"] is not None else "",
    "ours": _ours,
    "difference": lambda cell, metric: (
        stacked(cell["difference"], metric["scale"], "+") if cell.get("difference") else ""
    ),
    "metric": lambda score, metric: stacked(score, metric["scale"]),
    "reference": _reference,
}


def _picture(summary: Summary, one: Mapping[str, Any], place: int) -> Html | None:
    """Every head of one column; None when none could be trained, and for what is not per cent."""
    cells = [(row["name"], row["cells"][place]) for row in one["rows"]]
    known = [(name, cell) for name, cell in cells if cell.get("metrics")]
    if not known:
        return None
    column = one["columns"][place]
    metric, unit = (tables.main_of(summary, column)[word] for word in ("name", "unit"))
    known = [(name, cell) for name, cell in known if metric in cell["metrics"]]
    if unit != "%" or not known:
        return None
    marks = [_mark(name, cell, metric) for name, cell in known]
    found = (tables.level(summary, column, name.strip("()")) for name, _ in tables.floors(summary, one))
    lines = [value for value in found if value is not None]
    top = charts.axis_end(max([*lines, *(max(mark.high, mark.paper or 0) for mark in marks)]))
    title = tables.main_of(summary, column)["title"].capitalize()
    drawn = charts.dots(f"{title} of every head, {one['title']}, {column['name']}", marks, lines, top)
    marked = [name for name, cell in known if cell["untrained"]]
    return card(column["name"], drawn, *([warned(marked)] if marked else []))


def _mark(name: str, cell: Cell, metric: str) -> Mark:
    score = cell["metrics"][metric]
    low, high = score["ci95"]
    return Mark(name, score["mean"], low, high, cell["paper"], bool(cell["untrained"]))
