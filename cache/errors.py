"""Errors a user can cause. Each text is one line: what, where, the values that disagree, the cure."""

from collections.abc import Iterable
from difflib import get_close_matches


class AffectError(Exception):
    """Base of every error that the command line shows as one line, with exit status 2."""

    __str__ = Exception.__str__
    """The text as it is: a KeyError's own would put it in quotes."""


class ConfigError(AffectError, ValueError):
    """A setting is unknown, has the wrong type or a value out of range."""


class UnknownName(AffectError, KeyError):  # noqa: N818 (reads as what it is)
    """A dataset, stage, head, protocol or feature of that name does not exist."""


class PluginError(AffectError, RuntimeError):
    """A plug-in, or the folder that holds it, cannot be used as it is."""


class DataError(AffectError, ValueError):
    """An annotation file or a dataset's folder is not what its format says."""


class WeightsError(AffectError, RuntimeError):
    """A checkpoint is absent, damaged, refused or does not fit its network."""


class ShardError(AffectError, ValueError):
    """A shard file is damaged, refused, or is not the shard that was asked for."""


class StoreError(AffectError, LookupError):
    """A store lacks what was asked of it."""


class NoStore(StoreError, FileNotFoundError):  # noqa: N818 (reads as what it is)
    """The folder of the store is not there."""


class NoFeature(StoreError, KeyError):  # noqa: N818 (reads as what it is)
    """The store holds no feature of that name."""


class NotInstalled(AffectError, ImportError):  # noqa: N818 (reads as what it is)
    """A package is absent that only some of the commands need."""


class TooLittleData(AffectError, ValueError):  # noqa: N818
    """A protocol cannot be run on so few samples."""


class PluginFault(PluginError):  # noqa: N818 (reads as what it is)
    """A plug-in's own code raised, or gave what its contract does not allow. where: its file, with the line."""

    def __init__(self, where: str, told: str) -> None:
        super().__init__(f"{where}: {told}")
        self.where = where


def nearest(word: str, choices: Iterable[str]) -> str:
    """The tail of an error text: the nearest known word, then all of them. ``choices`` may be empty."""
    known = sorted(choices)
    return f"{meant(word, known)} Known: {', '.join(known) or 'none'}."


def meant(word: str, choices: Iterable[str]) -> str:
    """`` Did you mean 'this'?``, or nothing where no choice is near."""
    known = sorted(choices)
    close = get_close_matches(word.lower(), [name.lower() for name in known], n=1, cutoff=0.5)
    return next((f" Did you mean {name!r}?" for name in known if close and name.lower() == close[0]), "")


def unknown(kind: str, word: str, choices: Iterable[str]) -> UnknownName:
    """An UnknownName for ``word``, with the nearest right word."""
    return UnknownName(f"no {kind} {word!r}.{nearest(word, choices)}")


def shown(path: str) -> str:
    """A path as one line of an error or a note shows it: control characters escaped."""
    return path if path.isprintable() else ascii(path)
