"""Which code made a number: a digest of the modules of ``heads`` that a cell's training and scoring run through."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cache.fingerprint import fingerprint

_ROOT = Path(__file__).parent.parent.parent
CHOSEN = ("losses", "miners", "metrics")
"""Folders of heads whose modules a setting chooses by name, so that no import tells which."""


@cache
def code_version(head: str, protocol: str) -> str:
    """16 hex digits over ``heads.experiments.experiment``, the head, the protocol's file, every loss, miner and metric,
    and all that they import from ``heads``.

    The syntax counts and comments do not, so a changed remark trains nothing again.
    """
    by_name = [f"heads.{room}.{path.stem}" for room in CHOSEN for path in (_ROOT / "heads" / room).glob("*.py")]
    named = [f"heads.models.{head}", f"heads.protocols.{protocol}"]
    todo, seen = ["heads.experiments.experiment", *named, *by_name], {}
    while todo:
        name = todo.pop()
        folder = _ROOT.joinpath(*name.split("."))
        path = next((one for one in (folder.with_suffix(".py"), folder / "__init__.py") if one.is_file()), None)
        if name not in seen and path:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            seen[name] = ast.dump(tree)
            todo += _imports(tree)
    return fingerprint(seen)


def _imports(tree: ast.AST) -> Iterator[str]:
    """The modules of ``heads`` that are imported anywhere; some of the names are of things inside a module."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{name}" for name in names)]
        yield from (name for name in names if name.startswith("heads."))
