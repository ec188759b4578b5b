"""results.json as a table: one row per head, every number with its interval."""

import csv
import io
from collections.abc import Callable
from typing import Any

from heads.interval import over

Results = dict[str, Any]
_LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
)
COLUMNS = (
    "head",
    "features",
    "accuracy % [95 %]",
    "macro accuracy % [95 %]",
    "chance %",
    "largest class %",
    "paper %",
    "parameters",
    "seconds",
)


def columns(results: Results) -> list[str]:
    """COLUMNS, and one for the difference to the reference where rows are compared with one."""
    compared = [f"{compared_with(results)} % [95 %]"] if _compared(results) else []
    return [*COLUMNS[:4], *compared, *COLUMNS[4:]]


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
    paper = row["paper"]
    return [
        row["name"],
        ", ".join(names) or "none",
        interval(row["metrics"]["accuracy"]),
        interval(row["metrics"]["macro_accuracy"]),
        *([_apart(row)] if _compared(results) else []),
        percent(results["chance"]),
        percent(results["largest_class"]),
        percent(paper["accuracy"]) if paper else "",
        str(row["parameters"]),
        f"{row['seconds']:.1f}",
    ]


def _apart(row: dict[str, Any]) -> str:
    """The difference to the reference, or why there is none."""
    if apart := row.get("difference"):
        return signed(apart["accuracy"])
    return f"- ({row['unpaired']})" if row.get("unpaired") else ""


def notes(results: Results) -> list[str]:
    """The lines below a table: what was measured, on whom, and what the features are worth."""
    people, seeds = results["people"], results["rows"][0]["seeds"]
    sizes = ", ".join(f"{part} {sum(counts.values())}" for part, counts in people.items())
    lines = [
        f"{results['dataset']} ({results['release']}), {results['protocol']}, mapping {results['mapping_version']}; "
        f"people: {sizes}; {counted_seeds(seeds)}, 95 % intervals over {over(seeds)}.",
        f"Test people by class: {counted(people['test'])}.",
        *(f"{one['source']}: {counted(one['test'])}." for one in results["published_people"]),
    ]
    lost = {row["name"]: sum(row["left_out"].values()) for row in results["rows"] if any(row["left_out"].values())}
    if lost:
        lines.append(f"People left out because a feature is missing: {counted(lost)}.")
    lines += _shared(results)
    if sources := sorted(
        {(row["paper"]["source"], row["paper"]["dataset"]) for row in results["rows"] if row["paper"]}
    ):
        cited = "; ".join(f"{source}, measured on {dataset}" for source, dataset in sources)
        lines.append(
            f"Paper: {cited}, backbones trained end to end, its mapping of categories to classes unpublished; ours is "
            f"mapping {results['mapping_version']} of heads/protocols/one_shot.toml. Not like for like."
        )
    if _compared(results):
        lines.append(f"{compared_with(results)}: accuracy minus its accuracy, paired over {over(seeds)}.")
    lines += [f"Not trained: {one['error']}." for one in results.get("absent", [])]
    untrained = {feature["name"]: feature["used"] for feature in results["features"] if not feature["trained"]}
    if used := [name for name, was in untrained.items() if was]:
        lines.append(f"UNTRAINED features in this table: {', '.join(used)}. Numbers made from them are no results.")
    if unused := [name for name, was in untrained.items() if not was]:
        lines.append(f"UNTRAINED features in the store, used by no head of this table: {', '.join(unused)}.")
    return lines


def _shared(results: Results) -> list[str]:
    """Which rows were trained for another protocol that has the same people to train on."""
    twins: dict[str, list[str]] = {}
    for row in results["rows"]:
        if protocol := row.get("trained_for"):
            twins.setdefault(protocol, []).append(row["name"])
    return [f"Trained once with {protocol}, on the same people: {', '.join(rows)}." for protocol, rows in twins.items()]


def markdown(results: Results) -> str:
    """A table whose columns also line up as plain text, and its notes."""
    return "\n".join([aligned([columns(results), *cells(results)]), "", *notes(results)]) + "\n"


def aligned(body: list[list[str]]) -> str:
    """A Markdown table whose columns line up as plain text; ``body`` starts with the columns' names."""
    widths = [max(len(line[column]) for line in body) for column in range(len(body[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in body
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def comma_separated(results: Results) -> str:
    """One line per head, plain numbers (fractions in 0..1) and their bounds in columns of their own; no notes."""
    untrained = _untrained(results)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    metrics = list(results["rows"][0]["metrics"])
    bounds = [f"{name}{part}" for name in metrics for part in ("", "_low", "_high", "_std")]
    fixed = ["dataset", "protocol", "head", "features", "untrained_features", *bounds]
    writer.writerow([*fixed, "chance", "largest_class", "paper_accuracy", "parameters", "seeds", "seconds"])
    for row in results["rows"]:
        scores = [row["metrics"][name] for name in metrics]
        numbers = [number for score in scores for number in (score["mean"], *score["ci95"], score["std"])]
        names = [" ".join(row["features"]), " ".join(name for name in row["features"] if name in untrained)]
        paper = row["paper"]["accuracy"] if row["paper"] else ""
        start = [results["dataset"], results["protocol"], row["name"], *names, *numbers]
        end = [results["chance"], results["largest_class"], paper, row["parameters"], row["seeds"], row["seconds"]]
        writer.writerow([*start, *end])
    return out.getvalue()


def latex(results: Results) -> str:
    """A ``tabular`` for booktabs, and the notes below it."""
    named = columns(results)
    lines = [r"\begin{tabular}{ll" + "r" * (len(named) - 2) + "}", r"\toprule"]
    body = [" & ".join(map(escaped, line)) + r" \\" for line in [named, *cells(results)]]
    lines += [body[0], r"\midrule", *body[1:], r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join([*lines, *(escaped(note) + r"\\" for note in notes(results))]) + "\n"


def counted(counts: dict[str, int]) -> str:
    """``Esteem 72, Yearning 87``."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def counted_seeds(seeds: int) -> str:
    """``5 seeds``."""
    return f"{seeds} seed{'s' * (seeds != 1)}"


def interval(score: dict[str, Any]) -> str:
    """A mean and its interval in per cent."""
    low, high = score["ci95"]
    return f"{percent(score['mean'])} [{percent(low)}, {percent(high)}]"


def signed(score: dict[str, Any]) -> str:
    """A difference in points with its interval."""
    mean, low, high = (f"{100 * value:+.2f}" for value in (score["mean"], *score["ci95"]))
    return f"{mean} [{low}, {high}]"


def percent(fraction: float) -> str:
    """``33.76``."""
    return f"{100 * fraction:.2f}"


def escaped(text: str) -> str:
    """For LaTeX."""
    return text.translate(_LATEX)


FORMATS: dict[str, Callable[[Results], str]] = {"md": markdown, "csv": comma_separated, "tex": latex}
