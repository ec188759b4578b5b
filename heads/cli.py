"""``python -m heads train|ablate|ensemble|evaluate|submit|compare|mapping|report``: words in, a table out. A word is a
file of heads/commands.

Exit status 2 for what a user can mend.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from cache import plugins
from cache.command import ended
from cache.errors import ConfigError

_PACKAGE = "heads.commands"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other mistake."""
        raise ConfigError(f"{message}. See {self.prog} --help")


def commands() -> dict[str, ModuleType]:
    """Each word's module: ``HELP``, ``add`` (its own words to a parser) and ``run``."""
    return {word: import_module(f"{_PACKAGE}.{word}") for word in plugins.names(_PACKAGE)}


def parser() -> argparse.ArgumentParser:
    """Every command with its defaults."""
    known = commands()
    top = _Parser(prog="python -m heads", description="Train small heads on cached features; print their table.")
    below = top.add_subparsers(dest="command", required=True, metavar="|".join(known), parser_class=_Parser)
    for word, module in known.items():
        module.add(below.add_parser(word, help=module.HELP, allow_abbrev=False))
    return top


def wait_briefly() -> None:
    """Threads of the arithmetic that wait for one another soon sleep, unless the environment says otherwise. By itself
    OpenMP spins for milliseconds, which stalls whatever else wants the cores (scripts/bench/together.py). No digit
    depends on it. It has to be said before torch is loaded."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, 2 for an error that one line explains, 130 for an interrupt, 141 without a reader."""
    wait_briefly()
    return ended(lambda: _run(arguments), "interrupted: finished cells are kept, the one in work is not")


def _run(arguments: Sequence[str] | None) -> int:
    words = parser().parse_args(arguments)
    with memory_told():
        commands()[words.command].run(words)
    return 0


@contextmanager
def memory_told() -> Iterator[None]:
    """Raises: ConfigError where there is not enough memory."""
    try:
        yield
    except Exception as error:
        from heads.experiments.failure import MEMORY, reason_of

        if reason_of(error) != MEMORY:
            raise
        cure = "Make sizes, batch or resamples in SET smaller, or SEEDS fewer"
        raise ConfigError(f"not enough memory: {' '.join(str(error).split())[:160]}. {cure}") from error
