"""``mapping``: what each protocol makes of a dataset's labels, before anything is trained."""

import argparse
from pathlib import Path

from cache import plugins
from cache.errors import ConfigError
from cache.manifest import Manifest
from cache.store import Store
from heads.commands import _words

HELP = "people of each class under every protocol"


def add(command: argparse.ArgumentParser) -> None:
    """Its words."""
    _words.dataset(command)
    _words.mapping(command)


def run(words: argparse.Namespace) -> None:
    """Raises: StoreError; ConfigError for a mapping that is none, and when no protocol has anything to learn."""
    manifest = Store(words.store).manifest(words.dataset)
    print("\n\n".join(mapped(manifest, words.mapping)))


def mapped(manifest: Manifest, mapping: Path | None) -> list[str]:
    """A text for each protocol that has something to learn. Raises: as ``run``."""
    from heads import known_protocols

    told, refused = [], list[ConfigError]()
    for kind in plugins.names(known_protocols.PACKAGE):
        try:
            told.append(known_protocols.load(kind).mapped(manifest, mapping))
        except ConfigError as error:  # a mapping may be another protocol's
            refused.append(error)
    if not any(told):
        usual = ConfigError(f"{manifest.dataset}: its labels fit no protocol. Give a MAPPING of your own")
        raise refused[0] if refused else usual
    return [one for one in told if one]
