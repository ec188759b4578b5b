"""``report``: a finished run's table, and its page."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cache.errors import StoreError
from cache.store import Store
from heads.commands import _words

if TYPE_CHECKING:
    from heads.page.elements import Html
    from heads.page.material import Material, Place

HELP = "print a finished run's table, write its page"


def add(command: argparse.ArgumentParser) -> None:
    """Its words."""
    command.add_argument("--run", "--name", dest="name", default="demo", help="the run's folder in --runs")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the results")
    command.add_argument("--store", type=Path, default=Path("store"), help="folder of the cached features")
    command.add_argument("--heads", default="", help="whose people to lay out; default: the first and the best")
    command.add_argument("--columns", default="", help="of table.tex, in that order; default: as it is")
    _words.mapping(command)
    _words.arithmetic(command)


def nothing(folder: Path, material: "Material", place: "Place") -> "Mapping[str, Html]":  # noqa: ARG001 (see ``run``)
    """No section beside the page's own."""
    return {}


def run(words: argparse.Namespace, beside: "Callable[[Path, Material, Place], Mapping[str, Html]]" = nothing) -> None:
    """beside: more sections of the page of one protocol, by heading, of its folder and what its page is made of.

    Raises: every AffectError of reading and writing.
    """
    from heads.documents.summary import read_summary
    from heads.experiments import runs
    from heads.page import material, page
    from heads.tables import summary, written

    _words.threads(words)
    root = words.runs.joinpath(*(runs.folder_name(part) for part in words.name.split("/")))
    tables = material.finished(root)
    whole = None if root in tables else read_summary(root)
    _words.show(tables)
    if whole:
        print(summary.markdown(whole))
    if words.columns:
        print(f"table {written.write_latex(root, _document(root, tables, whole), words.columns.split())}")
    place = material.Place(Store(words.store), words.mapping, words.device)
    for folder, results in tables.items():
        found = material.gather(folder, results, place, words.heads.split(), lambda what: print(what, file=sys.stderr))
        for line in found.left_out:
            print(f"left out of the page: {line}", file=sys.stderr)
        print(f"page {page.write(folder, page.html(found, beside(folder, found, place)))}")
    if root not in tables:
        print(f"page {page.write(root, page.overview_html(words.name, tables, whole))}")


def _document(root: Path, tables: Mapping[Path, dict[str, Any]], whole: dict[str, Any] | None) -> dict[str, Any]:
    """What table.tex is made of. Raises: StoreError for a grid that has not ended."""
    found = tables.get(root, whole)
    if found is None:
        raise StoreError(f"{root}: no summary.json, the grid has not ended, so it has no table. Run make ablate again")
    return found
