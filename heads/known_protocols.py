"""The protocols that there are, by their words; and whether a head can learn what one of them teaches."""

from contextlib import suppress
from pathlib import Path

from cache import plugin_faults, plugins
from cache.errors import ConfigError, PluginError, unknown
from heads.protocol import Protocol

PACKAGE = "heads.protocols"


def find(word: str, mapping: Path | None = None) -> Protocol:
    """The protocol that has ``word``; one that cannot be loaded hinders no other.

    Raises: UnknownName with the nearest word; ConfigError, for a mapping that no protocol with that word takes, too;
    PluginError when nobody has the word and a protocol cannot say its own.
    """
    known: dict[str, str] = {}
    refused: list[ConfigError] = []
    faults: list[PluginError] = []
    for kind in plugins.names(PACKAGE):
        try:
            with plugin_faults.told():
                words = load(kind).words(mapping)
        except ConfigError as error:  # a mapping may be another protocol's
            refused.append(error)
            continue
        except PluginError as error:  # so may a fault: the others can be used
            faults.append(error)
            continue
        if twice := sorted(set(words) & known.keys()):
            raise ConfigError(f"protocol {twice[0]}: {known[twice[0]]} and {kind} have it; rename it in the MAPPING")
        known |= dict.fromkeys(words, kind)
    if word in known:
        return load(known[word])(word, mapping)
    raise next(iter([*refused, *faults]), unknown("protocol", word, list(known)))


def words() -> list[str]:
    """Every word that needs no mapping, of the protocols that can be loaded."""
    found: list[str] = []
    for kind in plugins.names(PACKAGE):
        with suppress(ConfigError, PluginError), plugin_faults.told():
            found += load(kind).words(None)
    return found


def load(kind: str) -> type[Protocol]:
    """The class in the file of that name. Raises: UnknownName."""
    found: type[Protocol] = plugins.load(PACKAGE, kind, "Protocol")
    return found


def check_head(head: str, learns: frozenset[str], gives: frozenset[str], protocol: Protocol) -> None:
    """Raises: ConfigError when a head cannot learn what the protocol teaches, or does not give what it judges."""
    if lacking := sorted(protocol.learns - learns):
        told = f"learns {_told(learns)}; protocol {protocol.name} teaches {_told(protocol.learns)}"
        raise ConfigError(f"head {head}: {told}, so {', '.join(lacking)} would be lost. Take another HEAD or PROTOCOL")
    if lacking := sorted(protocol.asks - gives):
        told = f"gives {_told(gives)}; protocol {protocol.name} judges by {', '.join(lacking)}"
        raise ConfigError(f"head {head}: {told}. Take another HEAD or PROTOCOL")


def _told(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"
