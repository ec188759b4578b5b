"""results.json as a table: one row per head, every number with its interval."""

import csv
import io
from collections.abc import Callable
from typing import Any

from heads.statistics.interval import over
from heads.text import aligned, counted, counted_seeds, escaped, interval, signed

Results = dict[str, Any]
NONE = "-"
"""Of a metric that a row has not: its head does not give what is judged."""


def columns(results: Results) -> list[str]:
    """Head, features, the metrics, the difference to the reference where rows are compared with one, and the rest."""
    main = results["metrics"][0]
    return [
        "head",
        "features",
        *(f"{titled(one)} [95 %]" for one in results["metrics"]),
        *([f"{compared_with(results)} {main['unit']} [95 %]"] if _compared(results) else []),
        *(f"{one['title']} {main['unit']}" for one in main_levels(results)),
        *([f"paper {main['unit']}"] if has_paper(results) else []),
        "parameters",
        "seconds",
    ]


def has_paper(results: Results) -> bool:
    """Whether a published number stands beside any row; without one its columns are left out."""
    main = results["metrics"][0]["name"]
    return any(main in (row.get("paper") or {}) for row in results["rows"])


def titled(metric: dict[str, Any]) -> str:
    """``macro accuracy %``."""
    return f"{metric['title']} {metric['unit']}".strip()


def main_levels(results: Results) -> list[dict[str, Any]]:
    """The scores without learning that the main metric has."""
    main = results["metrics"][0]["name"]
    return [one for one in results["levels"] if main in one["values"]]


def _compared(results: Results) -> bool:
    return any(row.get("difference") or row.get("unpaired") for row in results["rows"])


def compared_with(results: Results) -> str:
    """``to i_dml``, marked when the reference was made from untrained features."""
    marks = _untrained(results)
    used = [row["features"] for row in results["rows"] if row["name"] == results["reference"]]
    bad = [name for names in used for name in names if name in marks]
    return f"to {results['reference']}" + (f" (UNTRAINED: {', '.join(bad)})" if bad else "")


def _untrained(results: Results) -> set[str]:
    return {feature["name"] for feature in results["features"] if not feature["trained"]}


def cells(results: Results) -> list[list[str]]:
    """The table's rows as text, in the order of ``columns``."""
    return [_row(results, row, _untrained(results)) for row in results["rows"]]


def _row(results: Results, row: dict[str, Any], untrained: set[str]) -> list[str]:
    names = [f"{name} (UNTRAINED)" if name in untrained else name for name in row["features"]]
    main = results["metrics"][0]
    paper = (row["paper"] or {}).get(main["name"])
    return [
        row["name"],
        ", ".join(names) or "none",
        *(_score(row, one) for one in results["metrics"]),
        *([_apart(row, main)] if _compared(results) else []),
        *(_scaled(one["values"][main["name"]], main) for one in main_levels(results)),
        *(["" if paper is None else _scaled(paper, main)] if has_paper(results) else []),
        str(row["parameters"]),
        f"{row['seconds']:.1f}",
    ]


def _score(row: dict[str, Any], metric: dict[str, Any]) -> str:
    found = row["metrics"].get(metric["name"])
    return interval(found, metric["scale"]) if found else NONE


def _scaled(value: float, metric: dict[str, Any]) -> str:
    return f"{metric['scale'] * value:.2f}"


def _apart(row: dict[str, Any], main: dict[str, Any]) -> str:
    """The difference to the reference, or why there is none."""
    if apart := row.get("difference"):
        return signed(apart[main["name"]], main["scale"]) if main["name"] in apart else NONE
    return f"- ({row['unpaired']})" if row.get("unpaired") else ""


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
    if _compared(results):
        title = results["metrics"][0]["title"]
        lines.append(f"{compared_with(results)}: {title} minus its {title}, paired over {measured}.")
    outside = {one["file"]: one["digest"] for row in results["rows"] for one in row.get("plugins", {}).values()}
    if outside:
        lines.append(f"Plug-ins: {', '.join(f'{file} ({digest})' for file, digest in outside.items())}.")
    lines += [f"Not trained: {one['error']}." for one in results.get("absent", [])]
    untrained = {feature["name"]: feature["used"] for feature in results["features"] if not feature["trained"]}
    if used := [name for name, was in untrained.items() if was]:
        lines.append(f"UNTRAINED features in this table: {', '.join(used)}. Numbers made from them are no results.")
    if unused := [name for name, was in untrained.items() if not was]:
        lines.append(f"UNTRAINED features in the store, used by no head of this table: {', '.join(unused)}.")
    return lines


def cited(papers: list[dict[str, Any]]) -> list[str]:
    """A line for each remark: whose numbers they are, and why they are not like for like. papers: ``source``,
    ``dataset`` and ``remark`` of each."""
    by_remark: dict[str, set[tuple[str, str]]] = {}
    for one in papers:
        by_remark.setdefault(one["remark"], set()).add((one["source"], one["dataset"]))
    return [
        f"Paper: {'; '.join(f'{source}, measured on {dataset}' for source, dataset in sorted(sources))}, {remark}. Not "
        "like for like."
        for remark, sources in by_remark.items()
    ]


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
    untrained = _untrained(results)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    metrics, main = [one["name"] for one in results["metrics"]], results["metrics"][0]["name"]
    levels = {one["name"]: one["values"][main] for one in main_levels(results)}
    bounds = [f"{name}{part}" for name in metrics for part in ("", "_low", "_high", "_std")]
    fixed = ["dataset", "protocol", "head", "features", "untrained_features", *bounds]
    published = has_paper(results)
    papers = [f"paper_{main}"] if published else []
    writer.writerow([*fixed, *levels, *papers, "parameters", "seeds", "seconds"])
    for row in results["rows"]:
        scores = [row["metrics"].get(name) for name in metrics]
        numbers = [number for score in scores for number in _numbers(score)]
        names = [" ".join(row["features"]), " ".join(name for name in row["features"] if name in untrained)]
        paper = [(row["paper"] or {}).get(main, "")] if published else []
        start = [results["dataset"], results["protocol"], row["name"], *names, *numbers]
        writer.writerow([*start, *levels.values(), *paper, row["parameters"], row["seeds"], row["seconds"]])
    return out.getvalue()


def _numbers(score: dict[str, Any] | None) -> list[Any]:
    return [score["mean"], *score["ci95"], score["std"]] if score else [""] * 4


def latex(results: Results) -> str:
    """A ``tabular`` for booktabs, and the notes below it."""
    named = columns(results)
    lines = [r"\begin{tabular}{ll" + "r" * (len(named) - 2) + "}", r"\toprule"]
    body = [" & ".join(map(escaped, line)) + r" \\" for line in [named, *cells(results)]]
    lines += [body[0], r"\midrule", *body[1:], r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join([*lines, *(escaped(note) + r"\\" for note in notes(results))]) + "\n"


FORMATS: dict[str, Callable[[Results], str]] = {"md": markdown, "csv": comma_separated, "tex": latex}
