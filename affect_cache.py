"""affect-cache from Python, and its command.

``load`` gives a dataset's people beside their cached features; ``main`` is what ``affect-cache`` runs.
"""

import sys
import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cache import people
from cache.errors import NotInstalled, UnknownName, unknown
from cache.plugins import names

if TYPE_CHECKING:
    from heads.inputs.dataset import PeopleDataset

__all__ = ["People", "__version__", "load", "main"]
try:
    __version__ = metadata.version("affect-cache")
except metadata.PackageNotFoundError:  # a folder on the path is not installed, and has no number of its own
    __version__ = "unknown: not installed"

OURS = ("affect_cache", "cache", "heads", "pipeline", "scripts")


class People(people.People):
    """What ``load`` gives. Columns, tables and how to take some of them: see ``cache.people.People``."""

    def torch(self) -> "PeopleDataset":
        """A map-style torch Dataset over the memory map; what an item is: ``heads.inputs.dataset.PeopleDataset``.

        Raises: NotInstalled without torch.
        """
        try:
            from heads.inputs.dataset import PeopleDataset
        except ModuleNotFoundError as error:
            raise _absent("torch()", error, "train") from None
        return PeopleDataset(self)


def load(
    store: str | Path,
    dataset: str,
    features: str | Iterable[str] = (),
    split: str | None = None,
    *,
    everyone: bool = False,
) -> People:
    """People of a dataset, one row each, with labels, boxes and the features that are asked for; features are read from
    the store when they are indexed, and checked as they are on every read.

    store: its folder. features: words as heads take them, ``body`` (which is ``body/pooled``) or ``scene/scores``;
    always those in use, as ``status`` shows them. split: train, val or test; all without. everyone: also the people
    whom the annotation spoils (see ``statuses``), who are otherwise counted in ``left_out``. Warns of untrained
    features.

    Raises: NoStore (a FileNotFoundError), UnknownName and NoFeature (KeyErrors) with the nearest word, ConfigError (a
    ValueError), StoreError for a feature that is not wholly extracted; all of them AffectErrors of one line.
    """
    words = features.replace(",", " ").split() if isinstance(features, str) else features
    found = People.load(Path(store), dataset, words, split, everyone)
    if found.untrained:
        told = f"{dataset}: UNTRAINED features: {', '.join(found.untrained)}. Numbers made from them are no results"
        warnings.warn(told, stacklevel=2)
    return found


class _Side(NamedTuple):
    """Whose commands, the function that runs one, whether it is told the command's word, the extras it needs."""

    title: str
    module: str
    function: str
    takes_word: bool
    extras: str


def _commands() -> dict[str, _Side]:
    """Every word of the command line."""
    pixels = _Side("pixels to cache", "pipeline.__main__", "run", True, "extract")
    numbers = _Side("cache to numbers", "heads.__main__", "run", True, "train")
    both = {
        word: _Side("from pixels to numbers", f"scripts.{word}", "main", False, "train,extract")
        for word in ("demo", "predict", "gallery", "publish")
    }
    shown = {
        word: _Side("what a store holds", f"scripts.{word}", "main", False, extras)
        for word, extras in (("stats", "train,extract"), ("export", "export"))
    }
    sides = {"pipeline.commands": pixels, "heads.commands": numbers}
    return {word: side for package, side in sides.items() for word in names(package)} | both | shown


def main(words: Sequence[str] | None = None) -> int:
    """``affect-cache WORD [OPTIONS]``. Returns the exit status, as ``python -m pipeline`` and ``python -m heads``."""
    word, *options = [*(sys.argv[1:] if words is None else words)] or [""]
    commands = _commands()
    if word in ("--version", "--help", "-h"):
        sys.stdout.write(f"affect-cache {__version__}\n" if word == "--version" else _help(commands))
        return 0
    try:
        if not word:
            raise UnknownName("no command given. See affect-cache --help")
        if word not in commands:
            raise unknown("command", word, commands)
        return _run(word, commands[word], options)
    except (NotInstalled, UnknownName) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


def _run(word: str, side: _Side, options: Sequence[str]) -> int:
    """Raises: NotInstalled for a package that only this side needs."""
    try:
        status: int = getattr(import_module(side.module), side.function)(
            [word, *options] if side.takes_word else options
        )
    except ModuleNotFoundError as error:
        raise _absent(f"affect-cache {word}", error, side.extras) from None
    return status


def _absent(who: str, error: ModuleNotFoundError, extras: str) -> Exception:
    """What to raise: the error itself where it is our own module that is not found."""
    package = (error.name or "").partition(".")[0]
    if package in ("", *OURS):
        return error
    return NotInstalled(f"{who} needs {package}, which is not installed. Run pip install 'affect-cache[{extras}]'")


def _help(commands: dict[str, _Side]) -> str:
    lines = ["usage: affect-cache WORD [OPTIONS]", "       affect-cache WORD --help", ""]
    for title in dict.fromkeys(side.title for side in commands.values()):
        lines.append(f"{title}: {', '.join(word for word, side in commands.items() if side.title == title)}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    raise SystemExit(main())
