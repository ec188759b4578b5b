"""``python -m pipeline extract|retry|repair|status|verify|weights``: words in, lines out, an exit status.

0: done. 1: done, but more images failed than allowed, or the store is damaged. 2: the user can mend it; one line says
how. 130: interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cache.command import ended
from cache.errors import nearest
from cache.plugins import load, names

COMMANDS = "pipeline.commands"
"""Where each command has its file."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"error: {message}\n")
        raise SystemExit(2)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    options = _parse(words)
    told = "\ninterrupted. What is finished is kept; the same command goes on from there"
    return ended(lambda: int(load(COMMANDS, options.command, "run")(options)), told)


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m pipeline", description=__doc__.split("\n")[0] if __doc__ else None)
    commands = names(COMMANDS)
    parser.add_argument("command", metavar="|".join(commands))
    parser.add_argument("--dataset", default="demo", help="dataset (demo)")
    parser.add_argument("--root", type=Path, help="the dataset's own folder (<data>/<dataset>)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where datasets are, without --root (data)")
    parser.add_argument("--store", type=Path, default=Path("store"), help="where features go (store)")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder of checkpoints (weights)")
    parser.add_argument("--stages", default="", help="features to extract, separated by blanks (all)")
    parser.add_argument("--config", type=Path, help="a TOML file instead of the dataset's own")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument("--executor", default="local", help="local or dask (local)")
    parser.add_argument("--scheduler", default="", help="address of a Dask scheduler that runs already")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes of an own Dask cluster (2)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="batches at a time, one a core (all cores)")
    parser.add_argument("--box", default="", metavar="FORM", help="how a dataset of your own writes boxes (xyxy)")
    parser.add_argument("--max-pixels", type=int, default=0, metavar="N", help="cap on an image (64000000)")
    parser.add_argument("--untrained", action="store_true", help="go on without checkpoints; marked in every table")
    parser.add_argument("--allow-failed", type=int, default=0, metavar="N", help="images that may fail (0)")
    parser.add_argument("--json", action="store_true", help="status, or the list of weights, as JSON")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="verify: images to extract again (0)")
    parser.add_argument("--draw", type=int, default=0, metavar="N", help="verify: another number draws others (0)")
    parser.add_argument("--list", action="store_true", help="weights: only show files, addresses and licences")
    parser.add_argument("--check", action="store_true", help="weights: load what is there, run one photograph")
    parser.add_argument("--image", type=Path, metavar="PHOTO", help="weights: a photograph of your own for --check")
    parser.add_argument("--mirror", default="", metavar="URL", help="weights: a folder that holds the files instead")
    parser.add_argument("--stall", type=int, default=30, metavar="S", help="weights: seconds without a byte (30)")
    parser.add_argument("--attempts", type=int, default=5, metavar="N", help="weights: tries that bring nothing (5)")
    options = parser.parse_args(words)
    if options.command not in commands:
        parser.error(f"no command {options.command!r}.{nearest(options.command, commands)}")
    least_of = {"workers": 1, "threads": 0, "allow_failed": 0, "max_pixels": 0, "stall": 1, "attempts": 1, "sample": 0}
    for name, least in least_of.items():
        if getattr(options, name) < least:
            parser.error(f"{name.upper()}={getattr(options, name)}: a whole number from {least} is wanted")
    return options
