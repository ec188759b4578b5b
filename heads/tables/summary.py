"""summary.json as tables: for each head a line of the paper's numbers, of ours, of the difference, and more."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from heads.statistics.interval import over
from heads.tables.columns import NONE, titled
from heads.tables.results import cited, refused
from heads.text import aligned, counted_seeds, interval, signed

Summary = Mapping[str, Any]
Table = Mapping[str, Any]
Cell = Mapping[str, Any]
Line = tuple[str, list[str]]
Show = Callable[[Cell, Mapping[str, Any]], str]
"""A cell and its column's main metric, as text; empty when there is nothing to show."""


def markdown(summary: Summary) -> str:
    """Tables whose columns also line up as plain text, and their notes."""
    parts = [f"{table['title']}\n\n{aligned(body(summary, table))}\n" for table in summary["tables"]]
    return "\n".join([*parts, *notes(summary)]) + "\n"


def body(summary: Summary, table: Table) -> list[list[str]]:
    """Its titles, then the lines of each head, then what needs no learning."""
    head = ["head", main_title(summary, table), *(column["name"] for column in table["columns"])]
    lines = [
        [row["name"] if number == 0 else "", kind, *values]
        for row in table["rows"]
        for number, (kind, values) in enumerate(lines_of(summary, table, row, _SHOWN))
    ]
    floor = [
        [name, "", *("" if value is None else value for value in values)] for name, values in floors(summary, table)
    ]
    return [head, *lines, *floor]


def has_paper(summary: Summary) -> bool:
    """Whether a published number stands in any cell."""
    return any(cell["paper"] is not None for one in summary["tables"] for row in one["rows"] for cell in row["cells"])


def metrics_of(summary: Summary, table: Table) -> list[Mapping[str, Any]]:
    """The metrics of a table's columns, each column's main one first."""
    known = {one["name"]: one for one in summary["metrics"]}
    names = [name for column in table["columns"] for name in column["metrics"]]
    return [known[name] for name in dict.fromkeys(names)]


def main_of(summary: Summary, column: Mapping[str, Any]) -> Mapping[str, Any]:
    """A column's main metric; of one that nothing was trained in, the summary's first."""
    name = next(iter(column["metrics"]), summary["metrics"][0]["name"])
    return next(one for one in summary["metrics"] if one["name"] == name)


def main_title(summary: Summary, table: Table) -> str:
    """``accuracy %``; of columns with several main metrics, ``score``."""
    titles = {titled(main_of(summary, column)) for column in table["columns"] if column["metrics"]}
    return titles.pop() if len(titles) == 1 else "score"


def compared(summary: Summary) -> str:
    """``to i_dml``, the line of differences to the reference, marked when that was made from untrained features."""
    rows = [row for table in summary["tables"] for row in table["rows"] if row["name"] == summary["reference"]]
    untrained = sorted({name for row in rows for cell in row["cells"] for name in cell.get("untrained") or ()})
    mark = f" (UNTRAINED: {', '.join(untrained)})" if untrained else ""
    return f"to {summary['reference']}{mark}"


def lines_of(summary: Summary, table: Table, row: Mapping[str, Any], shown: Mapping[str, Any]) -> list[Line]:
    """The lines of one head; a line without a number is left out, ours never.

    shown: how the ``paper``, ``ours``, ``difference``, a further ``metric`` and the difference to the ``reference`` are
    shown, each a Show, but ``metric``, which takes a metric's score and the metric.
    """
    columns, cells = table["columns"], row["cells"]
    mains = [main_of(summary, column) for column in columns]

    def line(show: Show) -> list[str]:
        return [show(cell, main) for cell, main in zip(cells, mains, strict=True)]

    kinds = [(kind, line(shown[kind])) for kind in ("paper", "ours", "difference")]
    for metric in metrics_of(summary, table):
        further = [
            shown["metric"](cell["metrics"][metric["name"]], metric)
            if metric["name"] in (cell.get("metrics") or {}) and metric is not main
            else ""
            for cell, main in zip(cells, mains, strict=True)
        ]
        kinds.append((metric["title"], further))
    kinds.append((compared(summary), line(shown["reference"])))
    return [(kind, values) for kind, values in kinds if kind == "ours" or any(values)]


def _paper(cell: Cell, metric: Mapping[str, Any]) -> str:
    return f"{metric['scale'] * cell['paper']:.2f}" if cell["paper"] is not None else ""


def _ours(cell: Cell, metric: Mapping[str, Any]) -> str:
    if "reason" in cell:
        return str(cell["reason"])
    marked = f" UNTRAINED: {', '.join(cell['untrained'])}" if cell["untrained"] else ""
    score = cell["metrics"].get(metric["name"])
    return (interval(score, metric["scale"]) if score else NONE) + marked


def _difference(cell: Cell, metric: Mapping[str, Any]) -> str:
    return signed(cell["difference"], metric["scale"]) if cell.get("difference") else ""


def _metric(score: Mapping[str, Any], metric: Mapping[str, Any]) -> str:
    return interval(score, metric["scale"])


def _reference(cell: Cell, metric: Mapping[str, Any]) -> str:
    if apart := cell.get("to_reference"):
        return signed(apart, metric["scale"])
    return f"- ({cell['unpaired']})" if cell.get("unpaired") else ""


_SHOWN = {
    "paper": _paper,
    "ours": _ours,
    "difference": _difference,
    "metric": _metric,
    "reference": _reference,
}


def floors(summary: Summary, table: Table) -> list[tuple[str, list[str | None]]]:
    """What needs no learning, by column: ``(chance)`` and its like; None where a protocol does not tell it."""
    about = [summary["protocols"][name] for column in table["columns"] for name in column["protocols"]]
    titles = dict.fromkeys(level["title"] for one in about for level in one.get("levels", ()))
    out: list[tuple[str, list[str | None]]] = []
    for title in titles:
        found = [level(summary, column, title) for column in table["columns"]]
        scales = [main_of(summary, column)["scale"] for column in table["columns"]]
        values = [None if one is None else f"{scale * one:.2f}" for one, scale in zip(found, scales, strict=True)]
        out.append((f"({title})", values))
    return out


def level(summary: Summary, column: Mapping[str, Any], title: str) -> float | None:
    """The mean of a level of the column's main metric over its protocols; None when one of them lacks it."""
    main = main_of(summary, column)["name"]
    every = [
        {
            one["title"]: one["values"][main]
            for one in summary["protocols"][name].get("levels", ())
            if main in one["values"]
        }
        for name in column["protocols"]
    ]
    known = [one[title] for one in every if title in one]
    return sum(known) / len(known) if len(known) == len(every) else None


def notes(summary: Summary) -> list[str]:
    """What was measured, what the features are worth, and what could not be trained."""
    seeds, about = summary["seeds"], f", {summary['about']}" if summary["about"] else ""
    measured = over(seeds, summary["over"])
    mains = dict.fromkeys(main_of(summary, column)["title"] for one in summary["tables"] for column in one["columns"])
    apart = "; difference: ours minus the paper's number, which has no interval" if has_paper(summary) else ""
    lines = [
        f"{summary['dataset']} ({summary['release']}){about}; {counted_seeds(seeds)}, "
        f"95 % intervals over {measured}. ours: {', '.join(mains)}{apart}."
    ]
    if summary["reference"]:
        alike = f"over {measured}; -: left out, since not scored on the same test people, seeds and resamples"
        lines.append(f"{compared(summary)}: paired {alike}.")
    papers = [one for one in summary["tables"] if one["dataset"]]
    beside = [
        cell["cited"] for one in summary["tables"] for row in one["rows"] for cell in row["cells"] if cell.get("cited")
    ]
    lines += cited(
        [{"source": one["title"], "dataset": one["dataset"], "remark": one["remark"]} for one in papers] + beside
    )
    for protocol, told in summary["protocols"].items():
        for error in refused([one for one in told["absent"] if not one["reason"].startswith("features")]):
            lines.append(f"{protocol}: {error}.".replace("..", "."))
    absent = {one["error"].partition(": ")[2] for told in summary["protocols"].values() for one in told["absent"]}
    lines += [f"{error}." for error in sorted(absent) if error.startswith("features")]
    if used := [one["name"] for one in summary["features"] if one["used"] and not one["trained"]]:
        lines.append(f"UNTRAINED features in these tables: {', '.join(used)}. Numbers made from them are no results.")
    return lines


def comma_separated(summary: Summary) -> str:
    """One line for each cell of each table, shares in 0..1; no notes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    metrics, papers = [one["name"] for one in summary["metrics"]], ["paper"] if has_paper(summary) else []
    apart = ["difference", "to_reference"] if papers else ["to_reference"]
    bounds = [f"{name}{part}" for name in (*metrics, *apart) for part in ("", "_low", "_high")]
    writer.writerow(["table", "head", "column", *papers, *bounds, "untrained_features", "reason", "unpaired"])
    for table in summary["tables"]:
        for row in table["rows"]:
            for column, cell in zip(table["columns"], row["cells"], strict=True):
                scores = [(cell.get("metrics") or {}).get(name) for name in metrics]
                known = [*scores, *(cell.get(name) for name in apart)]
                numbers = [number for score in known for number in _numbers(score)]
                paper = ["" if cell[name] is None else cell[name] for name in papers]
                start = [table["title"], row["name"], column["name"], *paper]
                words = [" ".join(cell.get("untrained", [])), cell.get("reason", ""), cell.get("unpaired", "")]
                writer.writerow([*start, *numbers, *words])
    return out.getvalue()


def _numbers(score: Mapping[str, Any] | None) -> list[Any]:
    return [score["mean"], *score["ci95"]] if score else ["", "", ""]
