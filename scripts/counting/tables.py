"""The statistics as CSV and LaTeX."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heads.tables.tabular import ruled
from heads.text import escaped

Counts = Mapping[str, Any]


def files(counts: Counts) -> dict[str, str]:
    """Text by file name."""
    return {
        "labels.csv": _csv(_labels(counts)),
        "labels.tex": _latex(counts),
        "cooccurrence.csv": _csv([["split", "label", "other", "people"], *_cooccurrence(counts)]),
        "histograms.csv": _csv([["what", "unit", "split", "from", "to", "count"], *_histograms(counts)]),
        "missing.csv": _csv([["feature", "trained", "split", "status", "people"], *_missing(counts)]),
    }


def _labels(counts: Counts) -> list[list[object]]:
    found = counts["labels"]["counts"]
    rows = [
        [name, *(one[at] for one in found.values()), sum(one[at] for one in found.values())]
        for at, name in enumerate(counts["labels"]["names"])
    ]
    return [["label", *found, "all"], *rows]


def _latex(counts: Counts) -> str:
    head, *rows = _labels(counts)
    usable = counts["labels"]["usable"]
    rows.append(["usable people", *usable.values(), sum(usable.values())])
    body = [[escaped(str(name)), *(f"{number:,}" for number in numbers)] for name, *numbers in rows]
    return "\n".join(ruled("l" + "r" * (len(head) - 1), [escaped(str(word)) for word in head], body))


def _cooccurrence(counts: Counts) -> Iterable[list[object]]:
    names = counts["labels"]["names"]
    for split, matrix in counts["cooccurrence"].items():
        for name, row in zip(names, matrix, strict=True):
            yield from ([split, name, other, count] for other, count in zip(names, row, strict=True))


def _histograms(counts: Counts) -> Iterable[list[object]]:
    for word, one in counts["histograms"].items():
        ends = [*one["edges"][1:], ""]
        for split, found in one["splits"].items():
            for start, end, count in zip(one["edges"], ends, found["counts"], strict=False):
                yield [word, one["unit"], split, start, end, count]


def _missing(counts: Counts) -> Iterable[list[object]]:
    for name, one in counts["features"].items():
        trained = "trained" if one["trained"] else "UNTRAINED"
        for split, found in one["people"].items():
            yield from ([name, trained, split, status, number] for status, number in found.items())


def _csv(rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
