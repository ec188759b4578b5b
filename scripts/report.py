"""``make report``: a finished run's table and page, and on it, where the photographs are at hand, a few test people
with what a head looked at.

As ``python -m heads report``, which has neither photographs nor what decodes them, and so leaves these out.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from cache.command import ended
from heads.cli import memory_told, wait_briefly
from heads.commands import report
from pipeline.cli import Parser


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    wait_briefly()
    return ended(lambda: _run(words), "\ninterrupted. What is written is whole")


def _run(words: Sequence[str] | None) -> int:
    """Raises: AffectError."""
    parser = Parser(prog="python -m scripts.report", description="A finished run's table, and its page.")
    report.add(parser)
    parser.add_argument("--root", type=Path, help="the dataset's own folder (<data>/<dataset>)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where datasets are, without --root (data)")
    options: argparse.Namespace = parser.parse_args(words)
    from scripts.explaining.section import section

    with memory_told():
        report.run(options, partial(section, options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
