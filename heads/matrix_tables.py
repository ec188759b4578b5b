"""summary.json as tables: for each head a line of the paper's numbers, of ours, of the difference, and more."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from heads.interval import over
from heads.tables import aligned, counted_seeds, escaped, interval, percent, signed

Summary = dict[str, Any]
Cell = dict[str, Any]


def markdown(summary: Summary) -> str:
    """Tables whose columns also line up as plain text, and their notes."""
    parts = [f"{table['title']}\n\n{aligned(_body(summary, table))}\n" for table in summary["tables"]]
    return "\n".join([*parts, *notes(summary)]) + "\n"


def _body(summary: Summary, table: dict[str, Any]) -> list[list[str]]:
    head = ["head", "accuracy %", *(column["name"] for column in table["columns"])]
    lines = [line for row in table["rows"] for line in _lines(row, compared(summary))]
    return [head, *lines, *_floor(summary, table)]


def compared(summary: Mapping[str, Any]) -> str:
    """``to i_dml``, the line of differences to the reference, marked when that was made from untrained features."""
    rows = [row for table in summary["tables"] for row in table["rows"] if row["name"] == summary["reference"]]
    untrained = sorted({name for row in rows for cell in row["cells"] for name in cell.get("untrained") or ()})
    mark = f" (UNTRAINED: {', '.join(untrained)})" if untrained else ""
    return f"to {summary['reference']}{mark}"


def _lines(row: dict[str, Any], reference: str) -> list[list[str]]:
    """The lines of one head; a line without a number is left out, ours never."""
    cells = row["cells"]
    kinds: list[tuple[str, Callable[[Cell], str]]] = [
        ("paper", lambda cell: percent(cell["paper"]) if cell["paper"] is not None else ""),
        ("ours", _ours),
        ("difference", lambda cell: _signed(cell.get("difference"))),
        ("macro", lambda cell: interval(cell["macro_accuracy"]) if "macro_accuracy" in cell else ""),
        (reference, lambda cell: _signed(cell.get("to_reference")) or _reason(cell)),
    ]
    lines = [[kind, *map(show, cells)] for kind, show in kinds]
    kept = [line for line in lines if line[0] == "ours" or any(line[1:])]
    return [[row["name"] if number == 0 else "", *line] for number, line in enumerate(kept)]


def _ours(cell: Cell) -> str:
    if "reason" in cell:
        return str(cell["reason"])
    marked = f" UNTRAINED: {', '.join(cell['untrained'])}" if cell["untrained"] else ""
    return interval(cell["accuracy"]) + marked


def _reason(cell: Cell) -> str:
    return f"- ({cell['unpaired']})" if cell.get("unpaired") else ""


def _signed(score: dict[str, Any] | None) -> str:
    return signed(score) if score else ""


def _floor(summary: Summary, table: dict[str, Any]) -> list[list[str]]:
    """What guessing and what always naming the largest class gets."""
    out = []
    for name, key in (("(chance)", "chance"), ("(largest class)", "largest_class")):
        values = [[summary["protocols"][one].get(key) for one in column["protocols"]] for column in table["columns"]]
        out.append([name, "", *("" if None in parts else percent(sum(parts) / len(parts)) for parts in values)])
    return out


def notes(summary: Summary) -> list[str]:
    """What was measured, what the features are worth, and what could not be trained."""
    seeds = summary["seeds"]
    lines = [
        f"{summary['dataset']} ({summary['release']}), mapping {summary['mapping_version']}; {counted_seeds(seeds)}, "
        f"95 % intervals over {over(seeds)}. ours: micro accuracy, as in the paper; difference: ours minus "
        "the paper's number, which has no interval; macro: the mean over classes."
    ]
    if summary["reference"]:
        alike = f"over {over(seeds)}; -: left out, since not scored on the same test people, seeds and support draws"
        lines.append(f"{compared(summary)}: paired {alike}.")
    if sources := sorted({(one["title"], one["dataset"]) for one in summary["tables"] if one["dataset"]}):
        cited = "; ".join(f"{title}, measured on {dataset}" for title, dataset in sources)
        lines.append(
            f"Paper: {cited}, backbones trained end to end, its mapping of categories to classes unpublished; ours is "
            f"mapping {summary['mapping_version']} of heads/protocols/one_shot.toml. Not like for like."
        )
    for protocol, about in summary["protocols"].items():
        for error in dict.fromkeys(one["error"] for one in about["absent"] if not one["reason"].startswith("features")):
            lines.append(f"{protocol}: {error}.".replace("..", "."))
    absent = {one["error"].partition(": ")[2] for about in summary["protocols"].values() for one in about["absent"]}
    lines += [f"{error}." for error in sorted(absent) if error.startswith("features")]
    if used := [one["name"] for one in summary["features"] if one["used"] and not one["trained"]]:
        lines.append(f"UNTRAINED features in these tables: {', '.join(used)}. Numbers made from them are no results.")
    return lines


def comma_separated(summary: Summary) -> str:
    """One line for each cell of each table, fractions in 0..1; no notes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    scores = ["accuracy", "macro_accuracy", "difference", "to_reference"]
    bounds = [f"{name}{part}" for name in scores for part in ("", "_low", "_high")]
    writer.writerow(["table", "head", "column", "paper", *bounds, "untrained_features", "reason", "unpaired"])
    for table in summary["tables"]:
        for row in table["rows"]:
            for column, cell in zip(table["columns"], row["cells"], strict=True):
                known = [cell.get(name) for name in scores]
                numbers = [number for score in known for number in _numbers(score)]
                start = [table["title"], row["name"], column["name"], "" if cell["paper"] is None else cell["paper"]]
                words = [" ".join(cell.get("untrained", [])), cell.get("reason", ""), cell.get("unpaired", "")]
                writer.writerow([*start, *numbers, *words])
    return out.getvalue()


def _numbers(score: dict[str, Any] | None) -> list[Any]:
    return [score["mean"], *score["ci95"]] if score else ["", "", ""]


def latex(summary: Summary) -> str:
    """One ``tabular`` for booktabs a table, and the notes below them."""
    lines = []
    for table in summary["tables"]:
        body = _body(summary, table)
        lines += [rf"\paragraph{{{escaped(table['title'])}}}", r"\begin{tabular}{ll" + "r" * (len(body[0]) - 2) + "}"]
        written = [" & ".join(map(escaped, line)) + r" \\" for line in body]
        lines += [r"\toprule", written[0], r"\midrule", *written[1:], r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join([*lines, *(escaped(note) + r"\\" for note in notes(summary))]) + "\n"


FORMATS: dict[str, Callable[[Summary], str]] = {"md": markdown, "csv": comma_separated, "tex": latex}
