"""results.json as a table: one row per head, every number with its interval."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heads.statistics.interval import over
from heads.tables.columns import chosen, compared, compared_with, every, main_levels, published, untrained
from heads.tables.tabular import tabular
from heads.text import aligned, counted, counted_seeds, escaped

Results = dict[str, Any]


def columns(results: Results) -> list[str]:
    """The titles of all columns."""
    return [one.title for one in every(results)]


def cells(results: Results) -> list[list[str]]:
    """The table's rows as text, in the order of ``columns``."""
    return [[one.shown(row) for one in every(results)] for row in results["rows"]]


def notes(results: Results) -> list[str]:
    """The lines below a table: what was measured, on whom, and what the features are worth."""
    seeds, sizes = results["rows"][0]["seeds"], counted(results["sizes"])
    about = f", {results['about']}" if results["about"] else ""
    measured = over(seeds, results["over"])
    lines = [
        f"{results['dataset']} ({results['release']}), {results['protocol']}{about}; "
        f"people: {sizes}; {counted_seeds(seeds)}, 95 % intervals over {measured}.",
        *results["notes"],
    ]
    lost = {row["name"]: sum(row["left_out"].values()) for row in results["rows"] if any(row["left_out"].values())}
    if lost:
        lines.append(f"People left out because a feature is missing: {counted(lost)}.")
    lines += _shared(results) + _approximations(results)
    lines += cited([row["paper"] for row in results["rows"] if row["paper"]])
    if compared(results):
        title = results["metrics"][0]["title"]
        lines.append(f"{compared_with(results)}: {title} minus its {title}, paired over {measured}.")
    outside = {one["file"]: one["digest"] for row in results["rows"] for one in row.get("plugins", {}).values()}
    if outside:
        lines.append(f"Plug-ins: {', '.join(f'{file} ({digest})' for file, digest in outside.items())}.")
    lines += [f"Not trained: {error}." for error in refused(results.get("absent", []))]
    marked = {feature["name"]: feature["used"] for feature in results["features"] if not feature["trained"]}
    if used := [name for name, was in marked.items() if was]:
        lines.append(f"UNTRAINED features in this table: {', '.join(used)}. Numbers made from them are no results.")
    if unused := [name for name, was in marked.items() if not was]:
        lines.append(f"UNTRAINED features in the store, used by no head of this table: {', '.join(unused)}.")
    return lines


def cited(papers: list[dict[str, Any]]) -> list[str]:
    """A line for each remark: whose numbers they are, and why they are not like for like. papers: ``source``,
    ``dataset`` and ``remark`` of each, and ``release`` and ``split`` where they are known."""
    by_remark: dict[str, set[tuple[str, str]]] = {}
    for one in papers:
        people = ", ".join(one[word] for word in ("release", "split") if one.get(word))
        where = f"{one['dataset']} ({people})" if people else one["dataset"]
        by_remark.setdefault(one["remark"], set()).add((one["source"], where))
    return [
        f"Paper: {'; '.join(f'{source}, measured on {where}' for source, where in sorted(sources))}, {remark}. Not "
        "like for like."
        for remark, sources in by_remark.items()
    ]


def refused(absent: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each error once, behind the names of the rows that it is of where it does not begin with its row's. absent: as in
    results.json."""
    rows: dict[str, list[str]] = {}
    for one in absent:
        rows.setdefault(one["error"], []).append(one.get("name", ""))
    words = ("", "head ")
    told = {error: tuple(f"{word}{name}: " for name in names for word in words) for error, names in rows.items()}
    return [error if error.startswith(told[error]) else f"{', '.join(names)}: {error}" for error, names in rows.items()]


def _shared(results: Results) -> list[str]:
    """Which rows were trained for another protocol that has the same people to train on."""
    twins: dict[str, list[str]] = {}
    for row in results["rows"]:
        if protocol := row.get("trained_for"):
            twins.setdefault(protocol, []).append(row["name"])
    return [f"Trained once with {protocol}, on the same people: {', '.join(rows)}." for protocol, rows in twins.items()]


def _approximations(results: Results) -> list[str]:
    """What heads have in place of what their papers have."""
    found: dict[str, list[str]] = {}
    for row in results["rows"]:
        for word in row.get("approximates", []):
            found.setdefault(word, []).append(row["name"])
    return [f"Not as in the paper: {word}: {', '.join(rows)}." for word, rows in found.items()]


def markdown(results: Results) -> str:
    """A table whose columns also line up as plain text, and its notes."""
    return "\n".join([aligned([columns(results), *cells(results)]), "", *notes(results)]) + "\n"


def comma_separated(results: Results) -> str:
    """One line per head, plain numbers (shares in 0..1) and their bounds in columns of their own; no notes."""
    marks = untrained(results)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    metrics, main = [one["name"] for one in results["metrics"]], results["metrics"][0]["name"]
    levels = {one["name"]: one["values"][main] for one in main_levels(results)}
    bounds = [f"{name}{part}" for name in metrics for part in ("", "_low", "_high", "_std")]
    fixed = ["dataset", "protocol", "head", "features", "untrained_features", *bounds]
    papers = [one["name"] for one in published(results)]
    writer.writerow([*fixed, *levels, *(f"paper_{name}" for name in papers), "parameters", "seeds", "seconds"])
    for row in results["rows"]:
        scores = [row["metrics"].get(name) for name in metrics]
        numbers = [number for score in scores for number in _numbers(score)]
        names = [" ".join(row["features"]), " ".join(name for name in row["features"] if name in marks)]
        paper = [(row["paper"] or {}).get(name, "") for name in papers]
        start = [results["dataset"], results["protocol"], row["name"], *names, *numbers]
        writer.writerow([*start, *levels.values(), *paper, row["parameters"], row["seeds"], row["seconds"]])
    return out.getvalue()


def _numbers(score: dict[str, Any] | None) -> list[Any]:
    return [score["mean"], *score["ci95"], score["std"]] if score else [""] * 4


def latex(results: Results, words: Sequence[str] = ()) -> str:
    """A ``tabular`` for booktabs with the columns of those ``words``, all without one, and the notes below it.

    Raises: UnknownName for a word that is no column.
    """
    return (
        "\n".join([*tabular(results, chosen(results, words)), *(escaped(note) + r"\\" for note in notes(results))])
        + "\n"
    )


FORMATS: dict[str, Callable[[Results], str]] = {"md": markdown, "csv": comma_separated, "tex": latex}
