"""The papers' tables of a grid, from summary.json: under each head the paper's numbers, ours, and what lies between."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from heads import matrix_tables
from heads.page import charts
from heads.page.charts import Mark
from heads.page.elements import Html, element, framed, join, percent, stacked
from heads.page.outcome import badge, card, warned

Summary = Mapping[str, Any]
Cell = Mapping[str, Any]
_OURS = "ours"
_KEY = "Dot and line: mean and 95 % interval; diamond: paper; dashed: chance; dotted: always the largest class."


def table_section(summary: Summary, one: Mapping[str, Any]) -> Html:
    """One of the papers' tables, and a picture of each of its columns."""
    heads = [element("th", column["name"], scope="col", class_="number") for column in one["columns"]]
    first = element("th", "accuracy %", scope="col")
    bodies = [_body(row["name"], _numbers(row["cells"], matrix_tables.compared(summary))) for row in one["rows"]]
    floor = element("tbody", *(_line(name, values) for name, values in _floor(summary, one)))
    source = f"; paper: as printed, measured on {one['dataset']}" if one["dataset"] else ""
    caption = f"Micro accuracy in per cent on {summary['dataset']}, with its 95 % interval{source}"
    pictures = [found for place in range(len(one["columns"])) if (found := _picture(summary, one, place))]
    return join(
        [
            framed(caption, element("thead", element("tr", first, *heads)), *bodies, floor, kind="grouped"),
            *([element("p", _KEY), element("div", *pictures, class_="cards")] if pictures else []),
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


def _numbers(cells: Sequence[Cell], reference: str) -> list[tuple[str, list[str]]]:
    """A line without a number is left out, ours never."""
    kinds: list[tuple[str, Callable[[Cell], str]]] = [
        ("paper", lambda cell: percent(cell["paper"]) if cell["paper"] is not None else ""),
        (_OURS, _ours),
        ("difference", lambda cell: _apart(cell.get("difference"))),
        ("macro", lambda cell: stacked(cell["macro_accuracy"]) if cell.get("macro_accuracy") else ""),
        (reference, lambda cell: _apart(cell.get("to_reference")) or _reason(cell)),
    ]
    lines = [(kind, [show(cell) for cell in cells]) for kind, show in kinds]
    return [(kind, values) for kind, values in lines if kind == _OURS or any(values)]


def _ours(cell: Cell) -> Html:
    if cell.get("accuracy") is None:
        return element("span", cell["reason"], class_="absent")
    marks = [Html("<br/>"), badge(), element("small", f" {', '.join(cell['untrained'])}")] if cell["untrained"] else []
    return join([stacked(cell["accuracy"]), *marks])


def _reason(cell: Cell) -> str:
    return element("span", f"\u2013 {cell['unpaired']}", class_="absent") if cell.get("unpaired") else ""


def _apart(score: Mapping[str, Any] | None) -> str:
    return stacked(score, "+") if score else ""


def _floor(summary: Summary, one: Mapping[str, Any]) -> Iterable[tuple[str, list[str]]]:
    """What guessing and what always naming the largest class gets."""
    for name, key in (("(chance)", "chance"), ("(largest class)", "largest_class")):
        found = [_mean(summary, column, key) for column in one["columns"]]
        yield name, ["" if value is None else percent(value) for value in found]


def _mean(summary: Summary, column: Mapping[str, Any], key: str) -> float | None:
    parts = [summary["protocols"][name].get(key) for name in column["protocols"]]
    known = [part for part in parts if part is not None]
    return sum(known) / len(known) if len(known) == len(parts) else None


def _picture(summary: Summary, one: Mapping[str, Any], place: int) -> Html | None:
    """Every head of one column; None when none could be trained."""
    cells = [(row["name"], row["cells"][place]) for row in one["rows"]]
    known = [(name, cell) for name, cell in cells if cell.get("accuracy")]
    if not known:
        return None
    marks = [_mark(name, cell) for name, cell in known]
    column = one["columns"][place]
    ends = {key: _mean(summary, column, key) for key in ("chance", "largest_class")}
    lines = {key.replace("_", "-"): value for key, value in ends.items() if value is not None}
    top = charts.axis_end(max([*lines.values(), *(max(mark.high, mark.paper or 0) for mark in marks)]))
    drawn = charts.dots(f"Accuracy of every head, {one['title']}, {column['name']}", marks, lines, top)
    marked = [name for name, cell in known if cell["untrained"]]
    return card(column["name"], drawn, *([warned(marked)] if marked else []))


def _mark(name: str, cell: Cell) -> Mark:
    low, high = cell["accuracy"]["ci95"]
    return Mark(name, cell["accuracy"]["mean"], low, high, cell["paper"], bool(cell["untrained"]))
