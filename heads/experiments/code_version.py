"""Which code made a number: a digest of the modules of ``heads`` that a cell's training and scoring run through."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cache import plugin_folders, plugins
from cache.fingerprint import fingerprint
from cache.plugin_code import Code, code, imported
from heads.experiments.cell import Cell
from heads.protocol import Protocol

_ROOT = Path(__file__).parent.parent.parent
CHOSEN = ("losses", "miners", "metrics")
"""Folders of heads whose modules a setting chooses by name, so that no import tells which."""
_METRICS = "metrics"


def plugins_of(cell: Cell, protocol: str) -> dict[str, Code]:
    """The plug-ins outside this project that a cell runs through, by module: its head, the ``protocol``, and the
    losses, miners and metrics that its settings name."""
    named = set(_words(cell.settings))
    chosen = [f"heads.{room}.{word}" for room in CHOSEN for word in plugin_folders.found().names(f"heads.{room}")]
    modules = [f"heads.models.{cell.head}", f"heads.protocols.{protocol}"]
    modules += [module for module in chosen if module.rpartition(".")[2] in named]
    return {module: found for module in modules if (found := code(module))}


def metrics_of(cell: Cell, protocol: Protocol) -> frozenset[str] | None:
    """The metrics that a cell is judged by: those that ``protocol`` makes of its settings, and any that they name.
    None, for all there are, of a protocol outside this project, which may load one that it names nowhere."""
    if code(type(protocol).__module__):
        return None
    made = {type(one).__module__.rpartition(".")[2] for one in protocol.metrics(cell.recipe).values()}
    return frozenset(made | set(plugins.names(f"heads.{_METRICS}")).intersection(_words(cell.settings)))


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from _words(one)


@cache
def code_version(
    head: str,
    protocol: str,
    outside: frozenset[tuple[str, str]] = frozenset(),
    metrics: frozenset[str] | None = None,
    start: str = "heads.experiments.experiment",
) -> str:
    """16 hex digits over the module ``start``, the head, the protocol's file, every loss and miner, the
    metrics among ``metrics`` (None: all), and all that they import from ``heads``. outside: the plug-ins outside this
    project that are run through, with the digests of their code.

    The syntax counts and comments do not, so a changed remark trains nothing again.
    """
    by_name = [
        f"heads.{room}.{path.stem}"
        for room in CHOSEN
        for path in (_ROOT / "heads" / room).glob("*.py")
        if metrics is None or room != _METRICS or path.stem in metrics
    ]
    named = [f"heads.models.{head}", f"heads.protocols.{protocol}", *(module for module, _ in outside)]
    todo, seen = [start, *named, *by_name], dict[str, Any]()
    while todo:
        name = todo.pop()
        path = _file(name)
        if name not in seen and path:
            tree = ast.parse(path.read_bytes())
            seen[name] = ast.dump(tree)
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            todo += (one for one in imported(tree, package) if one.startswith("heads."))
    return fingerprint(seen | {"outside": sorted(outside)} if outside else seen)


def _file(module: str) -> Path | None:
    folder = _ROOT.joinpath(*module.split("."))
    own = (one for one in (folder.with_suffix(".py"), folder / "__init__.py") if one.is_file())
    return next(own, None) or plugin_folders.found().file(module)
