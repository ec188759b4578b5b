"""A file is a plug-in: its name is the word on the command line. Listing names imports none of them."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from cache.errors import PluginError, unknown


def names(package: str) -> list[str]:
    """Names of the modules in ``package``, sorted, without those that start with an underscore."""
    return sorted(module.name for module in iter_modules(import_module(package).__path__) if module.name[0] != "_")


def load(package: str, name: str, attribute: str) -> Any:
    """``attribute`` of the module ``name`` in ``package``.

    Raises: UnknownName with the nearest name; PluginError for a file without ``attribute``. ``name`` comes from users,
    so only listed names are imported.
    """
    if name not in (known := names(package)):
        folder = package.rpartition(".")[2]
        kind = {"models": "head", "losses": "loss"}.get(folder, folder.removesuffix("s"))
        raise unknown(kind, name, known)
    module = import_module(f"{package}.{name}")
    if not hasattr(module, attribute):
        raise PluginError(f"{package.replace('.', '/')}/{name}.py", f"has no class {attribute}")
    return getattr(module, attribute)


def configs(package: str, folder: str = "configs") -> dict[str, Path]:
    """The TOML files that ship in ``package``/``folder``, by stem."""
    root = Path(next(iter(import_module(package).__path__))) / folder
    return {path.stem: path for path in sorted(root.glob("*.toml"))}
