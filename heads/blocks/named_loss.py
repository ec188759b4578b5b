"""A loss of heads/losses by its name, of the kind that a head can use: on embeddings or on labels."""

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from pydantic import create_model

from cache import plugins
from cache.config import Settings
from cache.errors import ConfigError, PluginError

PACKAGE = "heads.losses"

Kind = TypeVar("Kind")


class OtherKind(ConfigError):  # noqa: N818 (reads as what it is)
    """A loss is there, but not of the kind that a head can use."""


def load(name: str, kind: type[Kind], takes: str) -> type[Kind]:
    """The class ``Loss`` of that file. kind: what it must be of. takes: of what a head's loss must be, for the error.

    Raises: UnknownName with the nearest name; OtherKind with those that fit.
    """
    found: type[Kind] = plugins.load(PACKAGE, name, "Loss")
    if not issubclass(found, kind):
        raise OtherKind(f"loss {name} is no loss on {takes}, which this head has. Take {', '.join(fitting(kind))}")
    return found


def fitting(kind: type) -> Iterator[str]:
    """The losses of ``kind``; those that cannot be loaded are left out."""
    for name in plugins.names(PACKAGE):
        try:
            if issubclass(plugins.load(PACKAGE, name, "Loss"), kind):
                yield name
        except PluginError:  # its own user is told when it is asked for
            continue


@cache
def joined(base: type[Settings], *parts: type[Settings]) -> type[Settings]:
    """``base`` with the settings of ``parts``: one class for each choice, so that equal settings are equal."""
    bases: Any = (base, *(other for other in parts if other is not Settings))
    model: type[Settings] = create_model(base.__name__, __base__=bases)
    return model
