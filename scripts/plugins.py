"""``make plugins``: every plug-in by kind, with the first line of what it says of itself; of those outside, the file.

Files are read and not run, but those of protocols, whose words they alone know. Exit status 0; 2 for what the user can
mend.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from cache import plugin_faults, plugin_folders, plugins
from cache.command import ended
from cache.errors import PluginError
from heads import known_protocols

KINDS = (
    *(("heads", "HEAD=", "heads.models"), ("losses", 'SET="loss="', "heads.losses")),
    *(("miners", 'SET="miner="', "heads.miners"), ("metrics", 'SET="metrics="', "heads.metrics")),
    *(("stages", "stage = in CONFIG", "pipeline.stages"), ("datasets", "DATASET=", "pipeline.datasets")),
)
"""What they are called, how they are asked for, where they are."""
_HERE = Path(__file__).parent.parent


def main() -> int:
    """Returns the exit status."""
    return ended(_run, "interrupted")


def _run() -> int:
    for line in lines():
        print(line)
    return 0


def lines() -> Iterator[str]:
    """For a terminal. Raises: AffectError."""
    for title, asked, package in KINDS:
        yield from _section(f"{title} ({asked})", {name: _module(package, name) for name in plugins.names(package)})
    words: dict[str, Path] = {}
    faults = []
    for kind in plugins.names(known_protocols.PACKAGE):
        try:
            with plugin_faults.told():
                words |= dict.fromkeys(known_protocols.load(kind).words(), _module(known_protocols.PACKAGE, kind))
        except PluginError as error:
            faults.append(f"  {kind} cannot say its words: {error}")
    yield from _section("protocols (PROTOCOL=)", words)
    yield from faults
    yield from _section("grids (GRID=)", plugins.configs("heads", "configs/grids"))


def _section(title: str, files: dict[str, Path]) -> Iterator[str]:
    """files: by name."""
    yield title
    width = max(map(len, files), default=0)
    for name, path in files.items():
        outside = "" if path.is_relative_to(_HERE) else f"  [{path}]"
        yield f"  {name:<{width}}  {_first_line(path)}{outside}"


def _module(package: str, name: str) -> Path:
    """The file of a plug-in."""
    module = f"{package}.{name}"
    return plugin_folders.found().modules.get(module) or _HERE.joinpath(*module.split(".")).with_suffix(".py")


def _first_line(path: Path) -> str:
    """Of a module's docstring, or of a TOML's opening remark."""
    if path.suffix == ".toml":
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        return first.removeprefix("#").strip() if first.startswith("#") else ""
    try:
        told = ast.get_docstring(ast.parse(path.read_bytes()))
    except SyntaxError as error:
        return f"SyntaxError{f' in line {error.lineno}' if error.lineno else ''}: {error.msg}"
    except ValueError as error:  # a NUL byte, before Python 3.11.4
        return f"cannot be read: {error}"
    return (told or "").partition("\n")[0].removeprefix(f"{path.stem}: ")


if __name__ == "__main__":
    raise SystemExit(main())
