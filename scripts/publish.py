"""``make publish``: a trained head as one file to give away, which ``make predict HEAD=file`` reads anywhere; or its
scoring as an ONNX model, for whoever has neither torch nor this project.

Exit status 0; 2 for what the user can mend.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cache.command import ended
from cache.errors import ConfigError, UnknownName, nearest
from heads.checkpoints.published import NOT_STATED, SUFFIX, Published, write
from heads.cli import memory_told, wait_briefly
from heads.commands import _words
from heads.experiments import runs
from pipeline.cli import Parser
from scripts.publishing import onnx_file
from scripts.publishing.gathered import published

FORMS = {"head": SUFFIX, "onnx": ".onnx"}


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    wait_briefly()
    return ended(lambda: _run(words), "\ninterrupted. What is written is whole")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m scripts.publish", description="A trained head as one file to give away.")
    _words.dataset(parser)
    _words.runs(parser)
    _words.head(parser, "which of the run's checkpoints")
    _words.trained(parser)
    _words.mapping(parser)
    _words.arithmetic(parser)
    parser.add_argument("--format", default="head", help="head, for make predict, or onnx (head)")
    parser.add_argument("--licence", default="", help="of the head; without one the file says that it is not stated")
    parser.add_argument("--out", type=Path, help="the file (published/<run>, of a grid <run>.<row>)")
    return parser


def _run(words: Sequence[str] | None) -> int:
    """Raises: AffectError."""
    options = _parser().parse_args(words)
    if options.format not in FORMS:
        raise UnknownName(f"FORMAT={options.format}: no such form of a head.{nearest(options.format, FORMS)}")
    runs.check_head(options.runs, options.head)
    place, protocol = _words.place(options), _words.protocol(options)
    asked = (options.runs, options.dataset, protocol.name, options.head, options.name, options.mapping)
    path = runs.checkpoint(*asked, runs.changed(options.seeds, options.set))
    target = _target(options, _of_run(options, path, runs.trained(options.dataset, protocol.name, path.stem)))
    with memory_told():
        told = published(path, place.store, options.licence.strip() or NOT_STATED)
        if options.format == "onnx":
            print(onnx_file.write(target, path, told, place.store))
        else:
            write(target, path, told)
    print(f"checkpoint {path}\nwritten to {target} ({target.stat().st_size / 1e6:.1f} MB)")
    _say_terms(told)
    return 0


def _of_run(options: argparse.Namespace, path: Path, usual: str) -> str:
    """The file's name, so that no other run's head is replaced: the run's folder, and the row where others may be
    beside it. usual: how ``train`` calls the folder of that row."""
    parts = path.parent.relative_to(options.runs).parts
    alone = not options.name and (parts[0] == usual or parts[0].startswith(f"{usual}-"))
    return ".".join(parts if alone else [*parts, path.stem])


def _target(options: argparse.Namespace, usual: str) -> Path:
    """Raises: ConfigError."""
    suffix = FORMS[options.format]
    target: Path = options.out or Path("published") / f"{usual}{suffix}"
    if target.suffix != suffix:
        raise ConfigError(f"OUT={target}: the file ends in {suffix}, as in {target.with_suffix(suffix)}")
    if target.is_dir() or target.resolve().is_relative_to(options.runs.resolve()):
        raise ConfigError(f"OUT={target}: is a folder, or among the runs. Give another file")
    return target


def _say_terms(told: Published) -> None:
    if untrained := [name for name, one in told.features.items() if not one.trained]:
        print(f"UNTRAINED features: {', '.join(untrained)}. What the head says means nothing")
    for one in told.networks:
        print(f"reads {', '.join(one.features)} of {one.name}: {one.licence} ({one.source})")
    if told.licence == NOT_STATED:
        sys.stderr.write(
            f'licence of the head: {NOT_STATED}, so nobody knows what they may do. LICENCE="..." says it\n'
        )
    else:
        print(f"licence of the head: {told.licence}")


if __name__ == "__main__":
    sys.exit(main())
