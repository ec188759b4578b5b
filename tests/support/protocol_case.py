"""What the contract suite asks of every protocol: a file ``<protocol>_case.py`` here with ``CASE``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cache.manifest import Row


@dataclass(frozen=True)
class Case:
    """A protocol in small.

    word: one of its words. rows: people with the categories of toy_features, enough of them to train, validate and
    test. settings: of its Config, to be quick. other: of it too, under which scores are not to be paired with those of
    ``settings``. few: people of whom it must say that they are too few, and every number that it asks for.
    """

    word: str
    rows: Sequence[Row]
    settings: Mapping[str, Any]
    other: Mapping[str, Any]
    few: Sequence[Row]


def case(protocol: str) -> Case:
    """Raises: LookupError with what is to be done when the protocol has no small form."""
    module = f"{protocol}_case"
    if find_spec(module) is None:
        wanted = f"tests/support/{module}.py with CASE (see tests/support/protocol_case.py)"
        raise LookupError(f"protocol {protocol!r} is not in the contract suite: write {wanted}")
    found: Case = import_module(module).CASE
    return found
