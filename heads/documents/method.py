"""Whether a row of ours is the method that a paper measured: all settings but those of the pace and the measuring."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cache import plugins
from heads.experiments.grid import cell
from heads.known_protocols import find
from heads.learning.training import fields
from heads.protocol import Protocol

PACE = frozenset({"lr", "step", "gamma", "plateau", "epochs", "patience", "optimiser", "momentum", "weight_decay"})
"""Settings that are not the method: how fast and how long it is trained, which the papers chose for backbones trained
end to end. Nor are ``metrics``, which scores are told, and ``Protocol.measuring``, how finely they are measured. A
published number stands only beside a row that has all others as in the head's own config."""
WORDS = "words"
WHERE = frozenset({WORDS, "word_labels", "word_width"})
"""Where a user's file of word vectors is. Whether there is one is a part of the methods that name it."""


def same(settings: Mapping[str, Any], head: str, protocol: str, changed: Mapping[str, Any]) -> bool:
    """Whether ``settings`` are the head's own under that protocol, with ``changed`` in place of them. Where ``changed``
    names a file of words, any file will do."""
    if WORDS in changed and not settings.get(WORDS):
        return False
    return of(settings, protocol) == _own(head, protocol, json.dumps(changed, sort_keys=True))


def of(settings: Mapping[str, Any], protocol: str) -> dict[str, Any]:
    """What of a row's settings is the method. protocol: its word."""
    without = PACE | {"metrics"} | WHERE | _protocol(protocol).measuring
    return {key: value for key, value in settings.items() if key not in without}


def heads_with(settings: Mapping[str, Any], protocol: str) -> list[str]:
    """The heads that have such settings; those of their loss and miner are named by these two."""
    parts = tuple((key, settings[key]) for key in ("loss", "miner") if key in settings)
    return _with(frozenset(settings), parts, protocol)


def known(head: str, protocol: str, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``changed`` that the head has as settings."""
    names = _fields(head, {}, protocol)
    return {key: value for key, value in changed.items() if key in names}


@cache
def _protocol(word: str) -> Protocol:
    """The published one, by the protocol's own mapping."""
    return find(word)


@cache
def _with(names: frozenset[str], parts: tuple[tuple[str, str], ...], word: str) -> list[str]:
    """The heads whose settings have these ``names`` when their loss and miner are ``parts``."""
    return [head for head in plugins.shipped("heads.models") if _fields(head, dict(parts), word) == names]


def _fields(head: str, values: dict[str, Any], word: str) -> set[str]:
    return fields(plugins.load("heads.models", head, "Model"), type(_protocol(word)), values)


@cache
def _own(head: str, protocol: str, changed: str) -> dict[str, Any]:
    """changed: as JSON. Raises: ConfigError for a setting that the head does not have."""
    return of(cell(head, _protocol(protocol), json.loads(changed)).settings, protocol)
