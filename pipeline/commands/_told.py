"""What several commands say to the user: lines, and the words of a make command that they propose."""

import argparse
from pathlib import Path


def say(line: str) -> None:
    """A line for the user, at once."""
    print(line, flush=True)


def where(options: argparse.Namespace) -> str:
    """The words that a proposed make command needs to look at the same store."""
    return f"DATASET={options.dataset}" + ("" if options.store == Path("store") else f" STORE={options.store}")
