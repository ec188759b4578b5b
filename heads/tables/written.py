"""A run's documents as files: JSON, and the same numbers as Markdown, CSV and LaTeX."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cache.files import make_folder, remove, replace_text
from heads.documents.results import RESULTS
from heads.documents.summary import SUMMARY
from heads.tables import classes, results, summary
from heads.tables.summary_latex import latex

SUMMARY_FORMATS = {"md": summary.markdown, "csv": summary.comma_separated, "tex": latex}


def write(folder: Path, document: dict[str, Any]) -> None:
    """results.json, table.md, table.csv and table.tex, in the place of a summary; classes.md, .csv and .tex where a
    metric is told by class.

    Raises: StoreError when the folder cannot be written.
    """
    make_folder(folder)
    remove(folder / SUMMARY)
    replace_text(folder / RESULTS, json.dumps(document, indent=2, allow_nan=False) + "\n")
    for suffix, render in results.FORMATS.items():
        replace_text(folder / f"table.{suffix}", render(document))
    for suffix, told in classes.FORMATS.items():
        path = folder / f"classes.{suffix}"
        if classes.metrics(document):
            replace_text(path, told(document))
        else:
            remove(path)


def write_summary(folder: Path, document: dict[str, Any]) -> None:
    """summary.json, table.md, table.csv and table.tex, in the place of the results of one protocol.

    Raises: StoreError when the folder cannot be written.
    """
    make_folder(folder)
    forget(folder)
    replace_text(folder / SUMMARY, json.dumps(document, indent=2, allow_nan=False) + "\n")
    for suffix, render in SUMMARY_FORMATS.items():
        replace_text(folder / f"table.{suffix}", render(document))


def write_latex(folder: Path, document: dict[str, Any], words: Sequence[str]) -> Path:
    """table.tex again, with the columns of those ``words``. document: of results.json, or of summary.json.

    Raises: UnknownName for a word that is no column, StoreError when the folder cannot be written.
    """
    path = folder / "table.tex"
    replace_text(path, (results.latex if "rows" in document else latex)(document, words))
    return path


def forget(folder: Path) -> None:
    """Delete results.json and its tables, which are of another grid by now; cells and checkpoints stay.

    Raises: StoreError.
    """
    if (folder / RESULTS).is_file():
        for name in (RESULTS, *(f"{stem}.{suffix}" for stem in ("table", "classes") for suffix in results.FORMATS)):
            remove(folder / name)
