"""results.json as a table: one row per head, every number with its interval."""

import csv
import io
from collections.abc import Callable
from typing import Any

Results = dict[str, Any]
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


def cells(results: Results) -> list[list[str]]:
    """The table's rows as text, in the order of COLUMNS."""
    untrained = {feature["name"] for feature in results["features"] if not feature["trained"]}
    return [_row(results, row, untrained) for row in results["rows"]]


def _row(results: Results, row: dict[str, Any], untrained: set[str]) -> list[str]:
    names = [f"{name} (UNTRAINED)" if name in untrained else name for name in row["features"]]
    paper = row["paper"]
    return [
        row["name"],
        ", ".join(names) or "none",
        _interval(row["metrics"]["accuracy"]),
        _interval(row["metrics"]["macro_accuracy"]),
        _percent(results["chance"]),
        _percent(results["largest_class"]),
        _percent(paper["accuracy"]) if paper else "",
        str(row["parameters"]),
        f"{row['seconds']:.1f}",
    ]


def notes(results: Results) -> list[str]:
    """The lines below a table: what was measured, on whom, and what the features are worth."""
    people, seeds = results["people"], results["rows"][0]["seeds"]
    sizes = ", ".join(f"{part} {sum(counts.values())}" for part, counts in people.items())
    lines = [
        f"{results['dataset']} ({results['release']}), {results['protocol']}, mapping {results['mapping_version']}; "
        f"people: {sizes}; {seeds} seeds, 95 % intervals over seeds and support draws.",
        f"Test people by class: {_counted(people['test'])}.",
        *(f"{one['source']}: {_counted(one['test'])}." for one in results["published_people"]),
    ]
    lost = {row["name"]: sum(row["left_out"].values()) for row in results["rows"] if any(row["left_out"].values())}
    if lost:
        lines.append(f"People left out because a feature is missing: {_counted(lost)}.")
    if sources := sorted(
        {(row["paper"]["source"], row["paper"]["dataset"]) for row in results["rows"] if row["paper"]}
    ):
        cited = "; ".join(f"{source}, measured on {dataset}" for source, dataset in sources)
        lines.append(
            f"Paper: {cited}, backbones trained end to end, its mapping of categories to classes unpublished; ours is "
            f"mapping {results['mapping_version']} of heads/protocols/one_shot.toml. Not like for like."
        )
    untrained = {feature["name"]: feature["used"] for feature in results["features"] if not feature["trained"]}
    if used := [name for name, was in untrained.items() if was]:
        lines.append(f"UNTRAINED features in this table: {', '.join(used)}. Numbers made from them are no results.")
    if unused := [name for name, was in untrained.items() if not was]:
        lines.append(f"UNTRAINED features in the store, used by no head of this table: {', '.join(unused)}.")
    return lines


def markdown(results: Results) -> str:
    """A table whose columns also line up as plain text, and its notes."""
    body = [list(COLUMNS), *cells(results)]
    widths = [max(len(line[column]) for line in body) for column in range(len(COLUMNS))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in body
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([*lines, "", *notes(results)]) + "\n"


def comma_separated(results: Results) -> str:
    """One line per head, plain numbers (fractions in 0..1) and their bounds in columns of their own; no notes."""
    untrained = {feature["name"] for feature in results["features"] if not feature["trained"]}
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
    lines = [r"\begin{tabular}{ll" + "r" * (len(COLUMNS) - 2) + "}", r"\toprule"]
    body = [" & ".join(map(_escaped, line)) + r" \\" for line in [list(COLUMNS), *cells(results)]]
    lines += [body[0], r"\midrule", *body[1:], r"\bottomrule", r"\end{tabular}", ""]
    return "\n".join([*lines, *(_escaped(note) + r"\\" for note in notes(results))]) + "\n"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _interval(score: dict[str, Any]) -> str:
    low, high = score["ci95"]
    return f"{_percent(score['mean'])} [{_percent(low)}, {_percent(high)}]"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def _escaped(text: str) -> str:
    for sign in "&%$#_{}":
        text = text.replace(sign, "\\" + sign)
    return text


FORMATS: dict[str, Callable[[Results], str]] = {"md": markdown, "csv": comma_separated, "tex": latex}
