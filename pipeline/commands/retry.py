"""``retry``: the rows that failed, extracted again; the others stay as they are."""

import argparse

from pipeline.commands._told import say
from pipeline.commands.extract import asked, verdict
from pipeline.running.extraction import extract


def run(options: argparse.Namespace) -> int:
    """Returns as ``extract``. Raises: AffectError, as when nothing was extracted with these settings."""
    return verdict(extract(asked(options, retry=True), say), options)
