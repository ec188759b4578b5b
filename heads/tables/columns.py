"""The columns of results.json's table: how each is called, what it shows of a row, and which of its numbers is best."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cache.errors import unknown
from heads.statistics.comparison import to_published
from heads.text import interval, signed

Results = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """word: as COLUMNS names it. shown: a row of it, as text. score: the number that the best row has, None where a row
    has none. better: ``higher`` or ``lower``, None where no row is best. numeric: whether it is set to the right."""

    word: str
    title: str
    shown: Callable[[Row], str]
    score: Callable[[Row], float | None] = lambda _: None
    better: str | None = None
    numeric: bool = True


def every(results: Results) -> list[Column]:
    """Head, features, the metrics, the difference to the reference where rows are compared with one, what needs no
    learning, what is published and how far ours is from it, and the rest."""
    main = results["metrics"][0]
    return [
        Column("head", "head", lambda row: str(row["name"]), numeric=False),
        Column("features", "features", lambda row: _features(results, row), numeric=False),
        *(_metric(one) for one in results["metrics"]),
        *([_reference(results, main)] if compared(results) else []),
        *(_level(one, main) for one in main_levels(results)),
        *(column for one in published(results) for column in _paper(one, one is main)),
        Column("parameters", "parameters", lambda row: str(row["parameters"])),
        Column("seconds", "seconds", lambda row: f"{row['seconds']:.1f}"),
    ]


def chosen(results: Results, words: Sequence[str]) -> list[Column]:
    """The head and the columns of those ``words``, in their order; without a word all of them. Raises: UnknownName."""
    found = {one.word: one for one in every(results)}
    for word in words:
        if word not in found:
            raise unknown("column", word, list(found))
    return [found[word] for word in dict.fromkeys(["head", *words])] if words else list(found.values())


def best(scores: Sequence[float | None], better: str) -> set[int]:
    """The places of the best scores, as printed: several where they print the same. better: ``higher`` or ``lower``."""
    known = {place: score for place, score in enumerate(scores) if score is not None}
    if not known:
        return set()
    top = f"{(max if better == 'higher' else min)(known.values()):.{DIGITS}f}"
    return {place for place, score in known.items() if f"{score:.{DIGITS}f}" == top}


DIGITS = 2
"""Of a number in a table."""
NONE = "-"
"""Of a metric that a row has not: its head does not give what is judged."""


def titled(metric: Mapping[str, Any]) -> str:
    """``macro accuracy %``."""
    return f"{metric['title']} {metric['unit']}".strip()


def main_levels(results: Results) -> list[dict[str, Any]]:
    """The scores without learning that the main metric has."""
    main = results["metrics"][0]["name"]
    return [one for one in results["levels"] if main in one["values"]]


def untrained(results: Results) -> set[str]:
    """The features that no trained network made."""
    return {feature["name"] for feature in results["features"] if not feature["trained"]}


def compared(results: Results) -> bool:
    """Whether any row was compared with the reference."""
    return any(row.get("difference") or row.get("unpaired") for row in results["rows"])


def compared_with(results: Results) -> str:
    """``to i_dml``, marked when the reference was made from untrained features."""
    marks = untrained(results)
    used = [row["features"] for row in results["rows"] if row["name"] == results["reference"]]
    bad = [name for names in used for name in names if name in marks]
    return f"to {results['reference']}" + (f" (UNTRAINED: {', '.join(bad)})" if bad else "")


def published(results: Results) -> list[dict[str, Any]]:
    """The metrics of which a published number stands beside any row."""
    rows = [row.get("paper") or {} for row in results["rows"]]
    return [one for one in results["metrics"] if any(one["name"] in paper for paper in rows)]


def from_paper(row: Row, name: str) -> dict[str, Any] | None:
    """A row's metric minus the published number; None where one of them is not there."""
    paper, score = (row.get("paper") or {}).get(name), (row.get("metrics") or {}).get(name)
    return None if paper is None or score is None else to_published(score, paper)


def _features(results: Results, row: Row) -> str:
    marks = untrained(results)
    return ", ".join(f"{name} (UNTRAINED)" if name in marks else name for name in row["features"]) or "none"


def _metric(metric: Mapping[str, Any]) -> Column:
    name, scale = metric["name"], metric["scale"]

    def shown(row: Row) -> str:
        return interval(row["metrics"][name], scale) if name in row["metrics"] else NONE

    def score(row: Row) -> float | None:
        return scale * row["metrics"][name]["mean"] if name in row["metrics"] else None

    return Column(name, f"{titled(metric)} [95 %]", shown, score, metric.get("better", "higher"))


def _reference(results: Results, main: Mapping[str, Any]) -> Column:
    def shown(row: Row) -> str:
        if apart := row.get("difference"):
            return signed(apart[main["name"]], main["scale"]) if main["name"] in apart else NONE
        return f"- ({row['unpaired']})" if row.get("unpaired") else ""

    return Column("difference", f"{compared_with(results)} {main['unit']} [95 %]", shown)


def _level(level: Mapping[str, Any], main: Mapping[str, Any]) -> Column:
    value = f"{main['scale'] * level['values'][main['name']]:.{DIGITS}f}"
    return Column(level["name"], f"{level['title']} {main['unit']}", lambda _: value)


def _paper(metric: Mapping[str, Any], main: bool) -> list[Column]:
    """The published numbers and ours minus them; those of the main metric go without its name."""
    name, scale = metric["name"], metric["scale"]
    what, suffix = (metric["unit"], "") if main else (titled(metric), f"_{name}")

    def score(row: Row) -> float | None:
        value = (row.get("paper") or {}).get(name)
        return None if value is None else scale * value

    def shown(row: Row) -> str:
        value = score(row)
        return "" if value is None else f"{value:.{DIGITS}f}"

    def apart(row: Row) -> str:
        found = from_paper(row, name)
        return signed(found, scale) if found else ""

    better = metric.get("better", "higher")
    return [
        Column(f"paper{suffix}", f"paper {what}".strip(), shown, score, better),
        Column(f"to_paper{suffix}", f"to paper {what} [95 %]", apart),
    ]
