"""Whether the methods of a plug-in's class can be called as its base class says.

Python raises for a wrong signature in the caller, so that no line of the plug-in would be named.
"""

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from cache.plugin_rooms import PACKAGES


@cache
def fault(made: type) -> tuple[int, str] | None:
    """The line and what is wrong, of the first method that cannot be called; None when all can."""
    for base, name in _asked(made):
        own, asked = getattr(made, name), inspect.signature(getattr(base, name))
        if not callable(own):
            return 1, f"{name} is no method, which {base.__name__} asks for"
        try:
            if not _takes(inspect.signature(own), asked):
                code = getattr(inspect.unwrap(own), "__code__", None)
                line = code.co_firstlineno if code else 1
                return line, f"{name}{inspect.signature(own)} cannot be called as {name}{_bare(asked)}"
        except ValueError:  # of a callable without a signature nothing is known
            continue
    return None


def _asked(made: type) -> Iterator[tuple[type, str]]:
    """The methods of this project's base classes that the plug-in has its own of."""
    for base in made.__mro__[1:]:
        room, _, _ = base.__module__.rpartition(".")
        if base.__module__.partition(".")[0] in ("heads", "pipeline") and room not in PACKAGES:
            for name, value in vars(base).items():
                routine = inspect.isfunction(value) or isinstance(value, classmethod | staticmethod)
                if routine and (name == "__init__" or name[0] != "_") and _own(made, name) is not value:
                    yield base, name


def _own(made: type, name: str) -> Any:
    """What the class has under a name, unbound."""
    return inspect.getattr_static(made, name)


def _takes(own: inspect.Signature, asked: inspect.Signature) -> bool:
    """Whether every argument, those with a default too, can be given."""
    given = [one for one in asked.parameters.values() if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    named = [one.name for one in given if one.kind is one.KEYWORD_ONLY]
    try:
        own.bind(*(one for one in given if one.kind is not one.KEYWORD_ONLY), **dict.fromkeys(named))
    except TypeError:
        return False
    return True


def _bare(asked: inspect.Signature) -> str:
    return f"({', '.join(asked.parameters)})"
