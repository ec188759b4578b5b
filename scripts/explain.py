"""``make explain``: what a trained head looked at, of one person of its dataset (KEY) or the people of a photograph.

For each of a person's strongest classes, what the score loses without each of the head's streams; and, of heads that
weigh places, objects or labels, these weights, drawn over the photograph where it is at hand. Writes, to OUT, a JSON
and for each person a picture. Exit status 0; 1 when nobody was found in the photograph, or somebody lacks what the head
reads; 2 for what the user can mend.
"""

import argparse
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from cache.command import ended
from cache.errors import ConfigError, StoreError
from cache.files import make_folder, read_json, replace, replace_text
from heads.checkpoints.checkpoint import Checkpoint
from pipeline.cli import Parser
from pipeline.decoding.images import MAX_PIXELS
from pipeline.running.extraction import check_device
from scripts.explaining import bars, photographed, stored
from scripts.explaining.looking import looked
from scripts.explaining.means import means
from scripts.explaining.picture import picture
from scripts.explaining.streams import left_out, streams
from scripts.explaining.subject import Subject
from scripts.prediction import words
from scripts.prediction.answering import USUAL, trained
from scripts.prediction.document import HEAD
from scripts.prediction.faces import CURE


def main(given: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(given)
    return ended(lambda: _run(options), "\ninterrupted. What is written is whole")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m scripts.explain", description="What a trained head looked at.")
    parser.add_argument("--key", default="", help="a person of the head's dataset, as image#number")
    parser.add_argument("--image", type=Path, help="a photograph")
    words.photographed(parser, "explanations")
    parser.add_argument("--head", default=USUAL, help=f"a trained head ({USUAL})")
    words.trained(parser)
    return parser


def _run(options: argparse.Namespace) -> int:
    if bool(options.key) == (options.image is not None):
        told = "both given. Leave one of them out" if options.key else "none given. Give KEY=image#number of a person"
        raise ConfigError(f"KEY, IMAGE: {told}{'' if options.key else ' of the dataset, or IMAGE=photo.jpg'}")
    given = {"BOXES": options.boxes, "BOX": options.box, "PEOPLE": options.people}
    if options.key and (beside := [word for word, value in given.items() if value]):
        raise ConfigError(f"{beside[0]}: is for IMAGE; the box of KEY={options.key} is the annotation's. Leave it out")
    if options.max_pixels < 0:
        raise ConfigError(f"MAX_PIXELS={options.max_pixels}: a whole number from 0 is wanted")
    check_device(options.device, here=True)
    path, checkpoint = trained(options)
    about = {"head": options.head, "checkpoint": str(path), **checkpoint.about}
    _say(f"checkpoint {path}: {about['dataset']} {about['protocol']}")
    unread: Mapping[int, str] = {}
    whole = {"head": {name: about[name] for name in HEAD}, "untrained": about["untrained"]}
    cap = options.max_pixels or MAX_PIXELS
    if options.key:
        subjects = [stored.subject(stored.known(options, path, checkpoint, cap), options.key)]
        name = subjects[0].name
    else:
        subjects, unread, how = photographed.seen(options, path, checkpoint, cap, _say)
        name, whole = options.image.name, {**whole, "image": str(options.image), "people": how}
    stand_ins = means(path, checkpoint, options.store, options.mapping) if subjects else {}
    file = options.out / f"{name}.{path.stem}.explained.json"
    if earlier := _other(file, path):
        _say(f"replaces what was explained of {earlier}")
    persons = [_explain(options.out, one, checkpoint, stand_ins, about, path.stem) for one in subjects]
    lacking = [{"number": person, "reason": why} for person, why in unread.items()]
    text = json.dumps({**whole, "persons": [*persons, *lacking]}, indent=2, allow_nan=False)
    make_folder(options.out)
    replace_text(file, f"{text}\n")
    _say(f"written to {file}")
    return _status(options, subjects, unread, whole)


def _other(file: Path, checkpoint: Path) -> str:
    """The checkpoint that ``file`` was written for, where it is another one; else empty."""
    try:
        known = str(read_json(file)["head"]["checkpoint"]) if file.is_file() else ""
    except (StoreError, LookupError, TypeError):  # no explanation, or damaged
        known = "another file"
    return "" if known == str(checkpoint) else known


def _status(
    options: argparse.Namespace, subjects: Sequence[Subject], unread: Mapping[int, str], whole: Mapping[str, Any]
) -> int:
    for person, why in unread.items():
        sys.stderr.write(f"error: {options.image}: person {person}: not explained: {why}\n")
    if not subjects and not unread:
        sys.stderr.write(f"error: {options.image}: nobody: {whole['people']['reason']}. {CURE}\n")
    return int(bool(unread) or not subjects)


def _explain(
    out: Path,
    subject: Subject,
    checkpoint: Checkpoint,
    stand_ins: Mapping[str, Any],
    about: Mapping[str, Any],
    row: str,
) -> dict[str, Any]:
    """Writes the person's picture. row: of the head, for the file's name. Returns what the JSON says of him."""
    hidden = about["untrained"]
    answers = left_out(checkpoint, subject.inputs, subject.row, stand_ins, hidden, place=subject.place)
    groups = streams(checkpoint)
    untrained = [name for name in groups if name.partition("/")[0] in hidden]
    found = looked(checkpoint, subject, hidden)
    warnings = [*([f"UNTRAINED: {', '.join(hidden)}"] if hidden else []), *subject.notes]
    lines = [
        f"{about['head']}, trained on {about['dataset']} ({about['protocol']}), mean of {len(about['seeds'])} seeds"
    ]
    lines += [f"{name}: {value}" for name, value in subject.told.items() if name in ("key", "truth") and value]
    lines += [found.mapless] if found.mapless else []
    make_folder(out)
    drawn = picture(subject, answers, found, untrained, lines, warnings)
    replace(out / f"{subject.name}.{row}.explained.png", [_png(drawn)])
    who = f"{subject.told['number']}: " if "number" in subject.told else ""
    for line in [f"{who}{lines[0]}", *lines[1:], *(f"note: {one}" for one in warnings), *_lines(answers)]:
        _say(line)
    box = {} if subject.box is None else {"box": [round(float(side), 2) for side in subject.box]}
    left = {"streams": {name: list(one) for name, one in groups.items()}, "untrained": untrained}
    return {**subject.told, **box, "notes": list(subject.notes), **left, "answers": answers, "looks": found.document()}


def _lines(answers: Sequence[Mapping[str, Any]]) -> list[str]:
    """For the terminal."""
    found = []
    for answer in answers:
        for line in answer["names"]:
            adds = "; ".join(f"{name} {bars.said(one, answer['title'])}" for name, one in line["inputs"].items())
            found.append(f"  {answer['title']}: {bars.title(line, answer['title'])}: {adds or 'no stream'}")
    return found


def _say(line: str) -> None:
    print(line, flush=True)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
