"""What the page of a grid says beside the papers' tables: its protocols with their pages, its features, its doubts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from heads.page.elements import Html, element, table
from heads.page.outcome import badge
from heads.tables import summary as matrix_tables
from heads.text import counted_seeds

Summary = Mapping[str, Any]
Results = Mapping[str, Any]
_PARTS = ("train", "val", "test")
_SAME = 1e-9
"""Scores that are further apart are of two trainings."""


def facts(summary: Summary) -> dict[str, str]:
    """What was trained, by name."""
    rows = {row["name"] for one in summary["tables"] for row in one["rows"]}
    return {
        "dataset": summary["release"],
        "protocols": str(len(summary["protocols"])),
        "heads": f"{len(rows)}, {counted_seeds(summary['seeds'])} each",
        "labels": summary["about"],
        "compared with": summary["reference"] or "",
    }


def untrained(summary: Summary) -> list[str]:
    """The untrained features that took part in any table."""
    return [one["name"] for one in summary["features"] if one["used"] and not one["trained"]]


def doubts(summary: Summary, tables: Mapping[Path, Results]) -> list[str]:
    """A line for each protocol whose results.json is not what the summary was made of."""
    found = {one["protocol"]: one for one in tables.values()}
    lines = []
    for protocol, about in summary["protocols"].items():
        if protocol not in found:
            lines += [f"{protocol}: no results.json in folder {about['folder']}"] if about["folder"] else []
        elif changed := _changed(summary, protocol, found[protocol]):
            told = f"{protocol}: summary.json and results.json differ about {', '.join(changed)}"
            lines.append(f"{told}. The grid was trained again and did not end: run make ablate again")
    return lines


def _changed(summary: Summary, protocol: str, results: Results) -> list[str]:
    main = results["metrics"][0]["name"]
    now = {row["name"]: row["metrics"].get(main, {}).get("mean") for row in results["rows"] if row.get("metrics")}
    then = {
        row["name"]: (cell.get("metrics") or {}).get(main, {}).get("mean")
        for one in summary["tables"]
        for row in one["rows"]
        for column, cell in zip(one["columns"], row["cells"], strict=True)
        if column["protocols"] == [protocol]
    }
    return [name for name, mean in then.items() if not _equal(mean, now.get(name))]


def _equal(one: float | None, other: float | None) -> bool:
    return one is other if one is None or other is None else abs(one - other) < _SAME


def notes(summary: Summary) -> Html:
    """What was measured, and what could not be trained."""
    return element("div", *(element("p", note) for note in matrix_tables.notes(dict(summary))), class_="notes")


def protocols_section(summary: Summary, tables: Mapping[Path, Results], page: str) -> Html:
    """Every protocol with the way to its page, its people, and what could not be trained."""
    folders = {results["protocol"]: folder for folder, results in tables.items()}
    metrics = {one["name"]: one for one in summary["metrics"]}
    titles = dict.fromkeys(one["title"] for about in summary["protocols"].values() for one in about.get("levels", ()))
    columns = ["protocol", "not trained", *(f"{part} people" for part in _PARTS), *titles]
    body = [
        [link(name, folders.get(name), page), _absent(about), *_people(about), *_shares(about, titles, metrics)]
        for name, about in summary["protocols"].items()
    ]
    caption = "A protocol's own page has its classes, confusions, learning curves and settings"
    return table(caption, columns, body, numbers=len(columns) - 2)


def link(protocol: str, folder: Path | None, page: str) -> str:
    """The protocol's name, leading to its page when there is one."""
    return element("a", protocol, href=f"{quote(folder.name)}/{page}") if folder else protocol


def _absent(about: Mapping[str, Any]) -> str:
    found = Counter(one["reason"] for one in about.get("absent", []))
    return "; ".join(f"{count} heads: {reason}" for reason, count in found.items())


def _people(about: Mapping[str, Any]) -> list[str]:
    sizes = about.get("sizes", {})
    return [f"{sizes[part]:,}" if part in sizes else "" for part in _PARTS]


def _shares(about: Mapping[str, Any], titles: Iterable[str], metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of each level the main metric's value."""
    levels, main = about.get("levels", ()), str(about.get("metric"))
    values = {one["title"]: one["values"][main] for one in levels if main in one["values"]}
    told = {title: f"{metrics[main]['scale'] * value:.2f} {metrics[main]['unit']}" for title, value in values.items()}
    return [told.get(title, "") for title in titles]


def features_section(summary: Summary) -> Html:
    """Which features the tables were made from."""
    columns = ["feature", "used", "weights are", "fingerprint"]
    return table("Features of the store when the grid was trained", columns, map(_feature, summary["features"]))


def _feature(one: Mapping[str, Any]) -> list[str]:
    worth = "trained" if one["trained"] else badge()
    return [one["name"], "yes" if one["used"] else "no", worth, element("code", one["fingerprint"])]
