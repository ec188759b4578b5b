"""``mapping``: what each protocol makes of a dataset's labels, before anything is trained."""

import argparse

from cache import plugins
from cache.errors import ConfigError
from cache.store import Store
from heads.commands import _words

HELP = "people of each class under every protocol"


def add(command: argparse.ArgumentParser) -> None:
    """Its words."""
    _words.dataset(command)
    _words.mapping(command)


def run(words: argparse.Namespace) -> None:
    """Raises: StoreError; ConfigError for a mapping that is none, and when no protocol has anything to learn."""
    from heads import protocol

    manifest = Store(words.store).manifest(words.dataset)
    found = [protocol.load(kind).mapped(manifest, words.mapping) for kind in plugins.names(protocol.PACKAGE)]
    told = [one for one in found if one]
    if not told:
        raise ConfigError(f"{words.dataset}: its labels fit no protocol. Give a MAPPING of your own")
    print("\n\n".join(told))
