"""Plug-ins outside this project: folders that mirror it, so that ``mine/heads/models/my_head.py`` is the head my_head.

They are those that PLUGINS names, paths with ``:`` or blanks between them, and the packages that installed
distributions name by entry points of the group ``affect_cache.plugins``. Nothing is looked for anywhere else. A plug-in
is imported by the name that it would have here, ``heads.models.my_head``, so it can be moved in and out unchanged.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.metadata import entry_points
from importlib.util import find_spec, spec_from_file_location
from os.path import expanduser, isdir
from pathlib import Path
from types import CodeType
from typing import Any

from cache.errors import PluginError
from cache.plugin_rooms import CONFIGS, CURES, ROOMS, check, modules_of

VARIABLE = "PLUGINS"
GROUP = "affect_cache.plugins"
_HERE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Folder:
    """named: how the user named it, for errors. package: the installed package that it is, "" for one of PLUGINS."""

    path: Path
    named: str
    package: str = ""


@dataclass(frozen=True, eq=False)
class Outside:
    """What the folders hold. modules: file by the name that it is imported by, private ones too. configs: TOML files by
    room, ``heads/configs``, and stem."""

    folders: tuple[Folder, ...]
    modules: Mapping[str, Path]
    configs: Mapping[str, Mapping[str, Path]]

    def names(self, package: str) -> list[str]:
        """Of the plug-ins in ``package``."""
        found = (module.rpartition(".") for module in self.modules)
        return [name for room, _, name in found if room == package and name[0] != "_"]

    def folder(self, file: Path) -> Folder:
        """The one that ``file`` lies in."""
        return next(one for one in self.folders if file.is_relative_to(one.path))

    def file(self, module: str) -> Path | None:
        """Of a module in one of the folders, also of one that an installed package imports by its own name."""
        if module in self.modules:
            return self.modules[module]
        for one in self.folders:
            if one.package and module.partition(".")[0] == one.package.partition(".")[0]:
                above = one.path.parents[one.package.count(".")]  # the folder that the whole package lies in
                base = above.joinpath(*module.split("."))
                return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
        return None


@dataclass
class _State:
    """text: of PLUGINS when ``outside`` was found."""

    text: str = ""
    outside: Outside | None = None


_state = _State()


def found() -> Outside:
    """What PLUGINS and installed packages hold, looked for once. Raises: PluginError in one line."""
    text = os.environ.get(VARIABLE, "")
    if _state.outside is None or _state.text != text:
        forget()
        _state.text, _state.outside = text, _scanned([*named(text), *_installed()])
        if _FINDER not in sys.meta_path:
            sys.meta_path.append(_FINDER)
    return _state.outside


def use(text: str) -> None:
    """Set PLUGINS for this process and those that it starts; plug-ins that are loaded are read again."""
    os.environ[VARIABLE] = text
    forget()


def forget() -> None:
    """Unload every plug-in of the folders."""
    for module in _state.outside.modules if _state.outside else ():
        if sys.modules.pop(module, None):
            room, _, name = module.rpartition(".")
            if parent := sys.modules.get(room):
                vars(parent).pop(name, None)
    source.cache_clear()
    _state.outside = None


def holds(file: Path) -> bool:
    """Whether ``file`` is a module of the folders that were looked at last; it looks at none itself."""
    return _state.outside is not None and file in _state.outside.modules.values()


def named(text: str) -> list[Folder]:
    """Of a PLUGINS' text. A path with blanks in it is one folder where it is there."""
    parts = [part for part in text.split(":") if part.strip()]
    paths = [path for part in parts for path in ([part] if isdir(expanduser(part)) else part.split())]
    return [Folder(Path(expanduser(path)).absolute(), f"{VARIABLE}={path}") for path in paths]


def absolute() -> str:
    """PLUGINS as a process in another folder must have it."""
    return ":".join(str(one.path) for one in named(os.environ.get(VARIABLE, "")))


def _installed() -> Iterator[Folder]:
    """Raises: PluginError for an entry point that leads nowhere."""
    for entry in entry_points(group=GROUP):
        told = f"entry point {entry.name} = {entry.value} of {GROUP}"
        try:
            spec = find_spec(entry.value)
        except (Exception, SystemExit) as error:  # the packages above it are imported
            raised = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise PluginError(f"{told}: {raised}. Mend or uninstall it") from None
        if spec is None or not spec.submodule_search_locations:
            raise PluginError(f"{told}: there is no such package. Mend or uninstall it")
        for place in spec.submodule_search_locations:
            yield Folder(Path(place).absolute(), told, entry.value)


def _scanned(folders: list[Folder]) -> Outside:
    """Raises: PluginError for a folder that is none, or names that are there twice."""
    every = {one.path.resolve(): one for one in reversed(folders)}  # twice the same: the one that was named first
    chosen = tuple(reversed(every.values()))
    modules: dict[str, Path] = {}
    configs: dict[str, dict[str, Path]] = {room: {} for room in CONFIGS}
    for one in chosen:
        check(one.path, one.named, _HERE)
        for room in ROOMS:
            for module, path in modules_of(one.path, room):
                _add(modules, module, path, _shipped(module), "Rename one of them")
        for room, known in configs.items():
            for path in sorted((one.path / room).glob("*.toml")):
                _add(known, path.stem, path, _HERE / room / path.name, CURES[room])
    return Outside(chosen, modules, configs)


def _shipped(module: str) -> Path:
    """Where this project would have it."""
    base = _HERE.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _add(known: dict[str, Path], name: str, path: Path, shipped: Path, cure: str) -> None:
    other = known.get(name) or (shipped if shipped.exists() else None)
    if other:
        raise PluginError(f"{path}: {other} has that name already. {cure}")
    known[name] = path


@cache
def source(path: Path) -> bytes:
    """Of a plug-in, read once: what is run is what its digest is of. Raises: PluginError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PluginError(f"{path}: cannot be read: {error.strerror}") from None


class _Loader(SourceFileLoader):
    """Compiles ``source``; bytecode, which is known by its second alone, is neither read nor left behind."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(source(Path(path)), path)
        return code


class _Finder(MetaPathFinder):
    """Of the modules of ``Outside``."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        file = _state.outside.modules.get(fullname) if _state.outside else None
        if file is None:
            return None
        inside = [str(file.parent)] if file.name == "__init__.py" else None
        loader = _Loader(fullname, str(file))
        return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=inside)


_FINDER = _Finder()
