"""results.json class by class: of each metric that is a mean over classes or dimensions, the paper's number, ours and
what lies between, every head beside the others."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heads.statistics.comparison import to_published
from heads.tables.columns import DIGITS, NONE, best, titled, untrained
from heads.tables.results import notes
from heads.tables.tabular import bold, ruled
from heads.text import aligned, escaped, interval, signed

Results = Mapping[str, Any]
Metric = Mapping[str, Any]
Row = Mapping[str, Any]
Show = Callable[[Mapping[str, Any], float], str]
"""A score and what it is multiplied by, as text."""
MEAN = "(mean)"


def metrics(results: Results) -> list[Metric]:
    """Those that some row has by class."""
    return [one for one in results["metrics"] if any(one["name"] in row.get("classes", {}) for row in results["rows"])]


def names(results: Results, metric: Metric) -> list[str]:
    """The classes, ours and the papers', then their mean."""
    ours = [row.get("classes", {}) for row in results["rows"]]
    papers = [(row["paper"] or {}).get("classes", {}) for row in results["rows"]]
    known = [one.get(metric["name"], {}) for one in (*ours, *papers)]
    return [*dict.fromkeys(name for one in known for name in one), MEAN]


def heads(results: Results) -> list[str]:
    """The rows' names, marked where untrained features took part."""
    marks = untrained(results)
    return [row["name"] + (" (UNTRAINED)" if marks & set(row["features"]) else "") for row in results["rows"]]


def score(row: Row, metric: Metric, name: str) -> dict[str, Any] | None:
    """Ours of a class, or the metric itself for ``MEAN``; None where there is none."""
    known = row["metrics"] if name == MEAN else row.get("classes", {}).get(metric["name"], {})
    found: dict[str, Any] | None = known.get(metric["name"] if name == MEAN else name)
    return found


def paper(row: Row, metric: Metric, name: str) -> float | None:
    """The published number of a class, or of the metric itself for ``MEAN``."""
    told = row["paper"] or {}
    known = told if name == MEAN else told.get("classes", {}).get(metric["name"], {})
    found: float | None = known.get(metric["name"] if name == MEAN else name)
    return found


def lines(
    results: Results, metric: Metric, name: str, ours: Show = interval, apart: Show = signed
) -> list[tuple[str, list[str]]]:
    """``paper``, ``ours`` and ``difference`` of a class, a text for each row; without a published number ours alone.

    ours, apart: how a score and a difference are shown.
    """
    scale, scores = metric["scale"], [score(row, metric, name) for row in results["rows"]]
    papers = [paper(row, metric, name) for row in results["rows"]]
    pairs = list(zip(scores, papers, strict=True))
    found = [
        ("paper", ["" if value is None else f"{scale * value:.{DIGITS}f}" for value in papers]),
        ("ours", [ours(one, scale) if one else NONE for one in scores]),
        ("difference", [apart(to_published(one, by), scale) if one and by is not None else "" for one, by in pairs]),
    ]
    return [(kind, texts) for kind, texts in found if kind == "ours" or any(texts)]


def markdown(results: Results) -> str:
    """A table a metric, and the notes."""
    parts = []
    for metric in metrics(results):
        body = [["class", titled(metric), *heads(results)]]
        for name in names(results, metric):
            body += [
                [name if kind_at == 0 else "", kind, *texts]
                for kind_at, (kind, texts) in enumerate(lines(results, metric, name))
            ]
        parts.append(f"{titled(metric)}\n\n{aligned(body)}\n")
    return "\n".join([*parts, *notes(dict(results))]) + "\n"


def comma_separated(results: Results) -> str:
    """One line for each metric, head and class; fractions as they are, no notes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    bounds = [f"{word}{part}" for word in ("ours", "difference") for part in ("", "_low", "_high")]
    writer.writerow(["metric", "head", "class", "paper", *bounds, "untrained_features"])
    marks = untrained(results)
    for metric in metrics(results):
        for row in results["rows"]:
            used = " ".join(name for name in row["features"] if name in marks)
            for name in names(results, metric):
                ours, by = score(row, metric, name), paper(row, metric, name)
                apart = to_published(ours, by) if ours and by is not None else None
                numbers = [number for one in (ours, apart) for number in _numbers(one)]
                writer.writerow([metric["name"], row["name"], name, "" if by is None else by, *numbers, used])
    return out.getvalue()


def latex(results: Results) -> str:
    """A ``tabular`` for booktabs a metric: a line a class, a column a head, the best head of a class in bold."""
    parts = []
    for metric in metrics(results):
        every = [
            [escaped(name), *_line([score(row, metric, name) for row in results["rows"]], metric)]
            for name in names(results, metric)
        ]
        titles = [escaped(word) for word in (titled(metric), *heads(results))]
        parts += ruled("l" + "r" * len(results["rows"]), titles, every)
    return "\n".join([*parts, *(escaped(note) + r"\\" for note in notes(dict(results)))]) + "\n"


def _line(scores: Sequence[Mapping[str, Any] | None], metric: Metric) -> list[str]:
    means = [None if one is None else metric["scale"] * one["mean"] for one in scores]
    top = best(means, metric.get("better", "higher"))
    texts = [NONE if mean is None else f"{mean:.{DIGITS}f}" for mean in means]
    return [bold(text, place in top) for place, text in enumerate(texts)]


def _numbers(score: Mapping[str, Any] | None) -> list[Any]:
    return [score["mean"], *score["ci95"]] if score else ["", "", ""]


FORMATS: dict[str, Callable[[Results], str]] = {"md": markdown, "csv": comma_separated, "tex": latex}
