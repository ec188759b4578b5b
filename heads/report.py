"""What a run leaves behind: results.json, and the same numbers as Markdown, CSV and LaTeX."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cache import config
from cache.config import Settings
from cache.errors import StoreError
from cache.files import make_folder, read_json, replace_text
from heads import tables
from heads.experiment import Bench, Result

PAPERS = Path(__file__).parent / "configs" / "papers.toml"


class PaperTable(Settings):
    """One published table. heads: head -> a number in per cent for each of ``protocols``."""

    source: str
    dataset: str
    metric: str
    protocols: tuple[str, ...]
    heads: dict[str, tuple[float, ...]]


class PaperPeople(Settings):
    """A published test set. test: class -> people."""

    source: str
    dataset: str
    protocol: str
    test: dict[str, int]


class Papers(Settings):
    """Every published table and test set there is."""

    tables: tuple[PaperTable, ...]
    people: tuple[PaperPeople, ...]


def published(papers: Papers, head: str, protocol: str) -> dict[str, Any] | None:
    """``{metric: fraction, "source": ..., "dataset": ...}``, or None where nothing is published."""
    for table in papers.tables:
        if head in table.heads and protocol in table.protocols:
            value = table.heads[head][table.protocols.index(protocol)]
            return {table.metric: round(value / 100, 6), "source": table.source, "dataset": table.dataset}
    return None


def document(bench: Bench, results: Sequence[Result]) -> dict[str, Any]:
    """What results.json holds; fractions in 0..1. chance: of guessing among the unseen classes. largest_class: the
    share of test people whom naming the largest unseen class alone would recognise. features: all of the dataset's in
    the store, with ``used`` False for those that no row read. threads: of the arithmetic; the same number, processor
    and versions give the same digits."""
    task, papers = bench.task, config.load(PAPERS, Papers)
    tested = task.counts(task.test)[len(task.seen) :]
    rows = []
    for result in results:
        features = sorted({name.partition("/")[0] for name in result.cell.inputs})
        paper = published(papers, result.cell.head, task.protocol)
        rows.append(result.row() | {"features": features, "paper": paper})
    used = {name for row in rows for name in row["features"]}
    return {
        "dataset": task.dataset,
        "release": bench.manifest.release,
        "protocol": task.protocol,
        "mapping_version": task.version,
        "people": task.class_counts(),
        "published_people": [
            one.model_dump() for one in papers.people if (one.dataset, one.protocol) == (task.dataset, task.protocol)
        ],
        "chance": 1 / len(task.unseen),
        "largest_class": max(tested) / sum(tested),
        "features": [
            {"name": name, "fingerprint": one.fingerprint, "trained": one.trained, "used": name in used}
            for name, one in bench.features.items()
        ],
        "threads": torch.get_num_threads(),
        "rows": rows,
    }


def write(folder: Path, results: dict[str, Any]) -> None:
    """results.json, table.md, table.csv and table.tex. Raises: StoreError when the folder cannot be written."""
    make_folder(folder)
    replace_text(folder / "results.json", json.dumps(results, indent=2, allow_nan=False) + "\n")
    for suffix, render in tables.FORMATS.items():
        replace_text(folder / f"table.{suffix}", render(results))


def read(folder: Path) -> dict[str, Any]:
    """The results of a finished run. Raises: StoreError when there are none."""
    path = folder / "results.json"
    if not path.exists():
        found = sorted(str(one.parent.relative_to(folder.parent)) for one in folder.parent.glob("**/results.json"))
        raise StoreError(f"{path}: no such run. Runs there are: {', '.join(found) or 'none'}. Run make train first")
    results: dict[str, Any] = read_json(path)
    if not isinstance(results, dict) or not {"dataset", "protocol", "features", "rows"} <= results.keys():
        raise StoreError(f"{path}: is not the results of a run. Train again into another name")
    return results
