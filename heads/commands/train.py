"""``train``: one head under one protocol."""

import argparse
import sys

from cache import config
from heads.commands import _words

HELP = "train one head"


def add(command: argparse.ArgumentParser) -> None:
    """Its words."""
    _words.training(command)
    _words.head(command, "a file of heads/models")
    _words.log(command)


def run(words: argparse.Namespace) -> None:
    """Raises: every AffectError of reading, training and writing."""
    from heads.commands._grids import table
    from heads.experiments import runs
    from heads.experiments.grid import cell
    from heads.experiments.progress import Progress

    place, protocol = _words.place(words), _words.protocol(words)
    one = cell(words.head, protocol, config.assignments(words.set))
    name = words.name or runs.trained(words.dataset, protocol.name, words.head) + _words.changes(words)
    folder = place.runs / runs.folder_name(name)
    _words.show({folder: table(place, protocol, [one], folder, Progress(sys.stderr))})
