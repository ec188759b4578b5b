"""``make gallery``: people of a dataset as the pipeline saw them, and what a finished run says of them, on one page.

Writes ``gallery.html``, with a folder ``gallery_files`` beside it where it would be large, into
``galleries/<dataset>`` or beside the ``report.html`` of a run. Exit status 0, also where photographs cannot be shown:
their reasons are in their places; 2 for what the user can mend.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cache.command import ended
from heads.cli import memory_told, wait_briefly
from pipeline.cli import Parser


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(words)
    wait_briefly()
    return ended(lambda: _run(options), "\ninterrupted. What is written is whole")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m scripts.gallery", description="People of a dataset as the pipeline saw them.")
    parser.add_argument("--dataset", default="demo", help="dataset (demo); with --run that of the run")
    parser.add_argument("--root", type=Path, help="the dataset's own folder (<data>/<dataset>)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where datasets are, without --root (data)")
    parser.add_argument("--store", type=Path, default=Path("store"), help="folder of the cached features (store)")
    parser.add_argument(
        "--weights", type=Path, default=Path("weights"), help="folder of the attributes' names (weights)"
    )
    parser.add_argument("--split", default="", help="people of these splits alone, between blanks")
    parser.add_argument("--label", default="", help="people with one of these labels alone, between commas")
    parser.add_argument("--status", default="", help="people with one of these statuses alone, as no_face")
    parser.add_argument("--key", default="", help="one person, or all of one image")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="people, evenly spaced (all)")
    parser.add_argument("--feature", default="", help="whose nearest people are told, between blanks (all pooled ones)")
    parser.add_argument("--run", default="", help="a run whose rows' answers are shown: its folder in --runs")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the results (runs)")
    parser.add_argument("--heads", default="", help="rows of the run, between blanks (all)")
    parser.add_argument("--mapping", type=Path, help="the mapping of the training")
    parser.add_argument("--device", default="cpu", help="cpu or cuda, of the heads (cpu)")
    parser.add_argument("--out", type=Path, help="folder of the page (galleries/<dataset>, or the run's)")
    return parser


def _run(options: argparse.Namespace) -> int:
    """Raises: AffectError."""
    from scripts.showing import gallery

    with memory_told():
        for path, pictures, lost in gallery.write(options):
            told = f"; {lost:,} of {pictures:,} pictures cannot be shown, the page says why" if lost else ""
            print(f"gallery {path}{told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
