"""What the contract suite asks of every protocol: a file ``<protocol>_case.py`` here with ``CASE``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cache.manifest import Row


@dataclass(frozen=True)
class Case:
    """A protocol in small.

    word: one of its words. rows: people with the categories of toy_features, enough of them to train, validate and
    test. settings: of its Config, to be quick. other: of it too, under which scores are not to be paired with those
    of ``settings``. few: people of whom it must say that they are too few, and every number that it asks for. heads:
    one without training and one with, the second of which gives every field that it may ask for. training: their
    settings, to be quick. feature: that they read, of the toys. plugins: a folder of heads that are not shipped.
    guess: the level that a guess is at, and the metrics of which it is; all that have it where None.
    """

    word: str
    rows: Sequence[Row]
    settings: Mapping[str, Any]
    other: Mapping[str, Any]
    few: Sequence[Row]
    heads: tuple[str, str] = ("random", "b_dml")
    training: Mapping[str, Any] = field(default_factory=lambda: {"stream": 8, "fusion": 8, "embedding": 4, "epochs": 2})
    feature: str = "body"
    plugins: Path | None = None
    guess: tuple[str, Sequence[str] | None] = ("chance", None)


def case(protocol: str) -> Case:
    """Raises: LookupError with what is to be done when the protocol has no small form."""
    module = f"{protocol}_case"
    if find_spec(module) is None:
        wanted = f"tests/support/{module}.py with CASE (see tests/support/protocol_case.py)"
        raise LookupError(f"protocol {protocol!r} is not in the contract suite: write {wanted}")
    found: Case = import_module(module).CASE
    return found
