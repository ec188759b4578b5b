"""What a run leaves behind: results.json, and the same numbers as Markdown, CSV and LaTeX."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cache.errors import StoreError
from cache.files import make_folder, read_json, remove, replace_text
from heads import matrix_document, matrix_tables, papers, results_document, tables
from heads.comparison import difference, scores, unpaired
from heads.experiment import Bench
from heads.finished import Absent, Finished

RESULTS, SUMMARY = "results.json", "summary.json"
"""Of one protocol, and of a grid over several; a folder holds one of the two."""


def document(
    bench: Bench, done: Sequence[Finished], absent: Sequence[Absent] = (), reference: str | None = None
) -> dict[str, Any]:
    """What results.json holds; fractions in 0..1.

    absent: rows that could not be trained, and why. reference: the row that ``difference`` is to, paired episode by
    episode; None where it cannot be, with the reason in ``unpaired``. chance: of guessing among the unseen classes.
    largest_class: the share of test people whom naming the largest unseen class alone would recognise. features: all
    of the dataset's in the store, with ``used`` False for those that no row read. threads: of the arithmetic; the same
    number, processor and versions give the same digits.
    """
    task, known = bench.task, papers.read()
    tested = task.counts(task.test)[len(task.seen) :]
    rows = []
    for one in done:
        features = sorted({name.partition("/")[0] for name in one.cell.inputs})
        paper = papers.published(known, one.cell.head, task.protocol, one.row["settings"])
        rows.append({**one.row, "features": features, "paper": paper, **_compared(one, done, reference)})
    used = {name for row in rows for name in row["features"]}
    return {
        "dataset": task.dataset,
        "release": bench.manifest.release,
        "protocol": task.protocol,
        "mapping_version": task.version,
        "mapping": bench.mapping,
        "people": task.class_counts(),
        "published_people": [
            one.model_dump() for one in known.people if (one.dataset, one.protocol) == (task.dataset, task.protocol)
        ],
        "chance": 1 / len(task.unseen),
        "largest_class": max(tested) / sum(tested),
        "features": [
            {"name": name, "fingerprint": one.fingerprint, "trained": one.trained, "used": name in used}
            for name, one in bench.features.items()
        ],
        "threads": torch.get_num_threads(),
        "reference": reference,
        "absent": [one.document() for one in absent],
        "rows": rows,
    }


def _compared(one: Finished, done: Sequence[Finished], reference: str | None) -> dict[str, Any]:
    """difference: by metric, and unpaired: why there is none; both None for the reference itself."""
    other = next((row for row in done if row.cell.name == reference and row is not one), None)
    reason = other and unpaired(one.row, other.row)
    if other is None or reason:
        return {"difference": None, "unpaired": reason}
    mine, theirs = scores(one.counts), scores(other.counts)
    apart = {name: difference(mine[name], theirs[name]) for name in mine}
    return {"difference": {"to": reference, **apart}, "unpaired": None}


def write(folder: Path, results: dict[str, Any]) -> None:
    """results.json, table.md, table.csv and table.tex, in the place of a summary.

    Raises: StoreError when the folder cannot be written.
    """
    make_folder(folder)
    remove(folder / SUMMARY)
    replace_text(folder / RESULTS, json.dumps(results, indent=2, allow_nan=False) + "\n")
    for suffix, render in tables.FORMATS.items():
        replace_text(folder / f"table.{suffix}", render(results))


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """summary.json, table.md, table.csv and table.tex, in the place of the results of one protocol.

    Raises: StoreError when the folder cannot be written.
    """
    make_folder(folder)
    forget(folder)
    replace_text(folder / SUMMARY, json.dumps(summary, indent=2, allow_nan=False) + "\n")
    for suffix, render in matrix_tables.FORMATS.items():
        replace_text(folder / f"table.{suffix}", render(summary))


def forget(folder: Path) -> None:
    """Delete results.json and its tables, which are of another grid by now; cells and checkpoints stay.

    Raises: StoreError.
    """
    if (folder / RESULTS).is_file():
        for name in (RESULTS, *(f"table.{suffix}" for suffix in tables.FORMATS)):
            remove(folder / name)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a grid over several protocols, None where there is none. Raises: StoreError when it is damaged."""
    path = folder / SUMMARY
    if not path.is_file():
        return None
    found: dict[str, Any] = read_json(path)
    matrix_document.check(found, path)
    return found


def read(folder: Path) -> dict[str, Any]:
    """The results of a finished run. Raises: StoreError when there are none, or when they are damaged."""
    path = folder / RESULTS
    if not path.exists():
        found = sorted(str(one.parent.relative_to(folder.parent)) for one in folder.parent.glob("**/results.json"))
        raise StoreError(f"{path}: no such run. Runs there are: {', '.join(found) or 'none'}. Run make train first")
    results: dict[str, Any] = read_json(path)
    results_document.check(results, path)
    return results
