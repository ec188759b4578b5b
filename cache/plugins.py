"""A file is a plug-in: its name is the word on the command line. Listing names imports none of them.

Plug-ins are this project's and, in the same words, those of the user's own folders (cache/plugin_folders.py).
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from cache import plugin_faults, plugin_folders, plugin_signatures
from cache.errors import AffectError, PluginFault, unknown
from cache.plugin_rooms import CONFIGS, PACKAGES


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

    Raises: UnknownName with the nearest name; PluginFault for one that cannot be imported or used. ``name`` comes from
    users, so only listed names are imported.
    """
    if name not in (known := names(package)):
        raise unknown(kind(package), name, known)
    module = f"{package}.{name}"
    if package not in PACKAGES:
        return getattr(import_module(module), attribute)
    file = str(plugin_folders.found().modules.get(module) or f"{module.replace('.', '/')}.py")
    return _attribute(_loaded(module, file), attribute)


def _loaded(module: str, file: str) -> ModuleType:
    """Raises: PluginFault for whatever a user's file does."""
    try:
        return import_module(module)
    except AffectError:  # says itself what a user can do
        raise
    except (Exception, SystemExit) as error:
        unplaced = PluginFault(file, f"{type(error).__name__}: {error}")  # such as a NUL byte's
        raise plugin_faults.fault(error) or unplaced from error


def _attribute(module: ModuleType, attribute: str) -> Any:
    """Raises: PluginFault when it is not there, or is a class that cannot be called as its base class says."""
    file, word = plugin_faults.shown(str(module.__file__)), kind(module.__name__.rpartition(".")[0])
    if not hasattr(module, attribute):
        raise PluginFault(file, f"has no class {attribute}, which every {word} has. ARCHITECTURE.md shows one")
    found = getattr(module, attribute)
    if isinstance(found, type) and (told := plugin_signatures.fault(found)):
        raise PluginFault(f"{plugin_faults.file_of(found)}:{told[0]}", f"{told[1]}. ARCHITECTURE.md shows a {word}")
    return found


def configs(package: str, folder: str = "configs") -> dict[str, Path]:
    """The TOML files in ``package``/``folder``, by stem, those outside this project too. Raises: PluginError."""
    root = Path(next(iter(import_module(package).__path__))) / folder
    own = {path.stem: path for path in sorted(root.glob("*.toml"))}
    room = f"{package}/{folder}"
    return {**own, **plugin_folders.found().configs[room]} if room in CONFIGS else own
