"""``make predict``: the emotions of the people in new photographs and videos, by a trained head; without one, what
networks see.

Without BOXES, people are those whom the head finds itself, where it does; else those of the annotation if the image is
one of the dataset's, else those that a trained detector finds, else those whose faces are found; in a video they are
followed from frame to frame, or a TRACK says where they are. Every feature the head needs is extracted in memory, and
those of ``--stages`` or the config's ``shown``. Writes, for each photograph, a JSON (each person's classes with their
shares, and what was seen), an annotated picture and, of a head that has them, its emotion maps over the photograph; for
each video a JSON over time, an annotated video and a strip chart. Exit status 0; 1 when some of
a folder's files could not be used, or nobody was found in one; 2 for what the user can mend.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cache.command import ended
from cache.errors import AffectError, ConfigError
from cache.files import make_folder, replace, replace_text
from pipeline.cli import Parser
from pipeline.decoding.images import MAX_PIXELS
from pipeline.running.extraction import check_device
from pipeline.running.recipes import DatasetConfig, dataset_config
from pipeline.stage import Photo
from pipeline.weights.folder import Weights
from scripts.prediction import clip, clips, emotion_maps, finding, given, people, words
from scripts.prediction.annotated import Annotation
from scripts.prediction.answering import USUAL, Answering, choose, for_photographs
from scripts.prediction.clip import Sampling
from scripts.prediction.document import document, lines
from scripts.prediction.draw import draw
from scripts.prediction.faces import CURE
from scripts.prediction.finding import Finder
from scripts.prediction.photograph import opened, png

MAPS = ".maps.png"
"""What the name of a photograph gets for its emotion maps."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(arguments)
    return ended(lambda: _run(options), "\ninterrupted. What is written is whole")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m scripts.predict", description="The emotions of people in new photographs, videos.")
    parser.add_argument("--image", type=Path, help="a photograph, a video, or a folder of them")
    words.photographed(parser, "predictions")
    parser.add_argument("--stages", default="", help="features to tell beside those of the head, separated by blanks")
    parser.add_argument(
        "--head", default="", help=f"a trained head, or a published one's file ({USUAL} where it fits, else none)"
    )
    words.filmed(parser)
    words.trained(parser)
    return parser


@dataclass(frozen=True)
class _Asked:
    """The words of one command that hold for all its files. track: of its one video, None for none."""

    finder: Finder
    answering: Answering
    out: Path
    max_pixels: int
    sampling: Sampling
    track: Path | None


def _run(options: argparse.Namespace) -> int:
    if options.image is None:
        raise ConfigError("IMAGE: none given. Give IMAGE=photo.jpg, IMAGE=clip.mp4, or the path of a folder of them")
    if options.max_pixels < 0:
        raise ConfigError(f"MAX_PIXELS={options.max_pixels}: a whole number from 0 is wanted")
    sampling, max_pixels = Sampling(options.every, options.frames), options.max_pixels or MAX_PIXELS
    sampling.check()
    check_device(options.device, here=True)
    finding.check(options.people, options.boxes, options.track)
    paths = people.images(options.image)
    if options.track and (len(paths) > 1 or not clip.is_clip(paths[0], max_pixels)):
        raise ConfigError(f"TRACK={options.track}: is of one video; give that as IMAGE")
    boxes = people.given(options.boxes, options.box) if options.boxes else None
    if isinstance(boxes, list) and len(paths) > 1:
        raise ConfigError("BOXES: for a folder of images give a CSV file of image,x1,y1,x2,y2")
    if isinstance(boxes, dict):
        people.check_names(boxes, paths, f"BOXES={options.boxes}")
    config, answering, weights = _who(options)
    about = answering.about or {"dataset": options.dataset, "source": ""}
    if given.is_given(options.head):
        print(given.line(about), flush=True)
    elif answering.why:
        print(f"no head answers, what networks see is told alone: {answering.why}", flush=True)
    else:
        print(f"checkpoint {about['checkpoint']}: {about['dataset']} {about['protocol']}", flush=True)
    annotation = Annotation.find(options.store, about, options.root or options.data / options.dataset)
    looks = for_photographs(config), weights, options.device, _say, finding.by_head(answering.model)
    finder = Finder(options.people, boxes, options.box, annotation, *looks)
    return _all(paths, _Asked(finder, answering, options.out, max_pixels, sampling, options.track))


def _who(options: argparse.Namespace) -> tuple[DatasetConfig, Answering, Weights]:
    """How features are made, and who answers; by the head's own file where HEAD is one."""
    weights = Weights(options.weights, options.untrained)
    if given.is_given(options.head):
        return *given.choose(options, weights), weights
    config = dataset_config(options.dataset, options.config)
    return config, choose(options, config, weights), weights


def _say(line: str) -> None:
    print(line, flush=True)


def _all(paths: Sequence[Path], asked: _Asked) -> int:
    """The exit status. One file that cannot be used is an error, some of a folder's are counted."""
    failed = empty = 0
    for path in paths:
        try:
            predict = _predict_clip if clip.is_clip(path, asked.max_pixels) else _predict
            empty += not predict(path, asked)
        except AffectError as error:
            if len(paths) == 1:
                raise
            failed += 1
            sys.stderr.write(f"error: {error}\n")
    if failed:
        _say(f"{failed} of {len(paths)} images could not be used")
    if empty and len(paths) > 1:
        _say(f"nobody was found in {empty} of {len(paths)} images")
    return int(bool(failed or empty))


def _predict(path: Path, asked: _Asked) -> int:
    """How many people were found in a photograph."""
    image, model, answering, out = opened(path, asked.max_pixels), asked.answering.model, asked.answering, asked.out
    found = asked.finder.find(path, image)
    photo = Photo(path.name, image, found.boxes)
    looked, maps = model.look(photo, found.rows), model.maps(photo)
    drawn = answering.drawn and not asked.finder.owns(path)
    told = document(path, image.size, found, looked, answering.about, model.untrained, model.left_out, drawn)
    make_folder(out)
    overlaid = out / f"{path.name}{MAPS}"
    if maps:
        told["maps"] = emotion_maps.told(maps, told["persons"], overlaid.name)
        replace(overlaid, [png(emotion_maps.picture(image, told, maps))])
    else:
        overlaid.unlink(missing_ok=True)  # what an earlier head drew is nothing that this one says
    replace_text(out / f"{path.name}.json", json.dumps(told, indent=2, allow_nan=False) + "\n")
    replace(out / f"{path.name}.annotated.png", [png(draw(image, told))])
    for line in lines(path, told):
        _say(line)
    _say(f"  written to {out / path.name}.json{f', {MAPS}' if maps else ''} and .annotated.png")
    if not len(found.boxes):
        _nobody(path, found.how["reason"])
    return len(found.boxes)


def _predict_clip(path: Path, asked: _Asked) -> int:
    """How many people were found in a video."""
    sources = asked.finder, asked.answering, asked.out, asked.sampling, asked.track, asked.max_pixels
    count, reason = clips.predict(path, *sources, _say)
    if not count:
        _nobody(path, reason)
    return count


def _nobody(path: Path, reason: str) -> None:
    sys.stderr.write(f"error: {path}: nobody: {reason}. {CURE}\n")


if __name__ == "__main__":
    sys.exit(main())
