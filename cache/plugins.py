"""A file is a plug-in: its name is the word on the command line. Listing names imports none of them.

Plug-ins are this project's and, in the same words, those of the user's own folders (cache/plugin_folders.py).
"""

import traceback
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from cache import plugin_folders
from cache.errors import PluginError, PluginFault, unknown
from cache.plugin_rooms import CONFIGS, PACKAGES

_SHOWN = 200
"""Characters of what went wrong in a plug-in."""


def names(package: str) -> list[str]:
    """Names of the plug-ins in ``package``, sorted, those outside this project too. Raises: PluginError."""
    outside = plugin_folders.found().names(package) if package in PACKAGES else []
    return sorted([*shipped(package), *outside])


def shipped(package: str) -> list[str]:
    """Names of this project's own modules in ``package``, sorted, without those that start with an underscore."""
    return sorted(module.name for module in iter_modules(import_module(package).__path__) if module.name[0] != "_")


def kind(package: str) -> str:
    """The word for what is in ``package``: head, stage, dataset."""
    folder = package.rpartition(".")[2]
    return {"models": "head", "losses": "loss"}.get(folder, folder.removesuffix("s"))


def load(package: str, name: str, attribute: str) -> Any:
    """``attribute`` of the module ``name`` in ``package``.

    Raises: UnknownName with the nearest name; PluginError for one that cannot be imported or has no such
    attribute. ``name`` comes from users, so only listed names are imported.
    """
    if name not in (known := names(package)):
        raise unknown(kind(package), name, known)
    module = f"{package}.{name}"
    if package in PACKAGES and (file := plugin_folders.found().modules.get(module)):
        return _loaded(module, file, attribute)
    return _attribute(import_module(module), f"{module.replace('.', '/')}.py", attribute)


def _loaded(module: str, file: Path, attribute: str) -> Any:
    try:
        loaded = import_module(module)
    except (Exception, SystemExit) as error:  # whatever a user's file does
        told = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())[:_SHOWN]
        raise PluginError(f"{_place(error, file)}: {type(error).__name__}: {told}. It cannot be loaded") from error
    return _attribute(loaded, str(file), attribute)


def _attribute(module: ModuleType, file: str, attribute: str) -> Any:
    if not hasattr(module, attribute):
        word = kind(module.__name__.rpartition(".")[0])
        raise PluginFault(file, f"has no class {attribute}, which every {word} has. ARCHITECTURE.md shows one")
    return getattr(module, attribute)


def _place(error: BaseException, file: Path) -> str:
    """File and line of the plug-ins' code that went wrong, the innermost one."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    ours = {str(path) for path in plugin_folders.found().modules.values()}
    frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename in ours]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(file)


def configs(package: str, folder: str = "configs") -> dict[str, Path]:
    """The TOML files in ``package``/``folder``, by stem, those outside this project too. Raises: PluginError."""
    root = Path(next(iter(import_module(package).__path__))) / folder
    own = {path.stem: path for path in sorted(root.glob("*.toml"))}
    room = f"{package}/{folder}"
    return {**own, **plugin_folders.found().configs[room]} if room in CONFIGS else own
