"""``make predict``: the emotions of the people in new photographs, by a trained head.

Without BOXES, people are those of the annotation if the image is one of the dataset's, else a detector finds them.
Every feature the head needs is extracted in memory. Writes, for each photograph, a JSON (each person's classes with
their shares, and what was seen) and an annotated picture. Exit status 0; 1 when some of a folder's images could not be
used; 2 for what the user can mend.
"""

import argparse
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.errors import AffectError, ConfigError, WeightsError
from cache.files import make_folder, replace, replace_text
from cache.spec import Status
from heads.checkpoints import checkpoint
from heads.checkpoints.about import check_protocol
from heads.experiments import runs
from heads.experiments.grid import usual_protocol
from heads.experiments.place import SEEDS
from heads.protocol import find
from pipeline.cli import Parser
from pipeline.decoding.images import ImageError, decode
from pipeline.running.extraction import check_device
from pipeline.running.recipes import DatasetConfig, dataset_config, recipes
from pipeline.stage import Photo
from pipeline.weights.folder import Weights
from scripts.prediction import people
from scripts.prediction.annotated import Annotation
from scripts.prediction.draw import draw, main_answer
from scripts.prediction.model import Model, build


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    options = _parser().parse_args(words)
    try:
        return _run(options)
    except AffectError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted. What is written is whole\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m scripts.predict", description="The emotions of people in new photographs.")
    parser.add_argument("--image", type=Path, help="a photograph, or a folder of them")
    parser.add_argument("--boxes", default="", help='"x1,y1,x2,y2 ..." or a CSV of image,x1,y1,x2,y2')
    parser.add_argument("--out", type=Path, default=Path("predictions"), help="folder of what is written (predictions)")
    parser.add_argument("--head", default="sem_ib_dml", help="a trained head (sem_ib_dml)")
    parser.add_argument("--dataset", default="demo", help="what it was trained on (demo)")
    parser.add_argument("--root", type=Path, help="the dataset's own folder (<data>/<dataset>)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where datasets are, without --root (data)")
    parser.add_argument("--store", type=Path, default=Path("store"), help="for people annotated in the dataset (store)")
    parser.add_argument("--protocol", default="", help="what it was trained under (what the head is meant for)")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--name", help="its run's folder")
    parser.add_argument("--mapping", type=Path, help="the TOML of labels that it was trained with, if any")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many it was trained with (5)")
    parser.add_argument("--set", default="", help="the settings that it was trained with, if any")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder of the networks' checkpoints")
    parser.add_argument("--config", type=Path, help="the TOML that the features were extracted with")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument(
        "--untrained", action="store_true", help="go on without checkpoints; marked in all that is written"
    )
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.image is None:
        raise ConfigError("IMAGE: none given. Give IMAGE=photo.jpg, or the path of a folder of photographs")
    check_device(options.device, here=True)
    paths = people.images(options.image)
    boxes = people.given(options.boxes) if options.boxes else None
    if isinstance(boxes, list) and len(paths) > 1:
        raise ConfigError("BOXES: for a folder of images give a CSV file of image,x1,y1,x2,y2")
    if isinstance(boxes, dict):
        people.check_names(boxes, paths, f"BOXES={options.boxes}")
    protocol = find(options.protocol or usual_protocol(options.head), options.mapping)
    asked = (options.runs, options.dataset, protocol.name, options.head, options.name, options.mapping)
    path = runs.checkpoint(*asked, runs.changed(options.seeds, options.set))
    loaded = checkpoint.load(path)
    if options.mapping:
        check_protocol(path, loaded.about, protocol)
    config, weights = dataset_config(options.dataset, options.config), Weights(options.weights, options.untrained)
    model = build(path, loaded, config, weights, options.device)
    about = {"head": options.head, "checkpoint": str(path), **model.checkpoint.about}
    root = options.root or options.data / options.dataset
    finder = _Finder(boxes, Annotation.find(options.store, about, root), config, weights, options.device)
    print(f"checkpoint {path}: {about['dataset']} {about['protocol']}", flush=True)
    failed = 0
    for one in paths:
        try:
            _predict(one, finder, model, about, options.out)
        except AffectError as error:
            if len(paths) == 1:
                raise
            failed += 1
            sys.stderr.write(f"error: {error}\n")
    if failed:
        print(f"{failed} of {len(paths)} images could not be used")
    return int(bool(failed))


@dataclass
class _Finder:
    """Whose emotions: given boxes, else the annotation's, else a detector's, which is loaded when it is needed."""

    boxes: list[people.Boxes] | dict[str, people.Boxes] | None
    annotation: Annotation | None
    config: DatasetConfig
    weights: Weights
    device: str
    detector: people.Detector | None = None

    def find(self, path: Path, image: Image.Image) -> tuple[people.Boxes, NDArray[np.int64] | None, dict[str, Any]]:
        """Boxes, manifest rows where they are known, and how they came about."""
        if self.boxes is not None:
            none = np.zeros((0, 4), np.float32)
            found = self.boxes.get(path.name, none) if isinstance(self.boxes, dict) else self.boxes[0]
            return people.inside(found, image.size, str(path)), None, {"boxes": "given"}
        if self.annotation and (annotated := self.annotation.people(path, image.size)):
            return *annotated, {"boxes": f"annotation of {self.annotation.manifest.dataset}"}
        detector = self.detector = self.detector or self._load()
        found, scores = detector(Photo(path.name, image, np.zeros((0, 4), np.float32)))
        return people.inside(found, image.size, str(path)), None, {"boxes": "detected", "scores": scores}

    def _load(self) -> people.Detector:
        """Raises: ConfigError, WeightsError when there is no detector."""
        table = self.config.stages.get("objects")
        if table is None or table.get("stage", "objects") != "objects":
            text = f"the config of {self.config.dataset} has no [stages.objects] to find people with"
            raise ConfigError(f'BOXES: none given, and {text}. Give BOXES="x1,y1,x2,y2"')
        try:
            return people.Detector(recipes(self.config, ["objects"], self.weights)[0], self.device)
        except WeightsError as error:
            raise WeightsError(f'BOXES: none given, and no detector: {error}. Or give BOXES="x1,y1,x2,y2"') from None


def _photograph(path: Path) -> Image.Image:
    """Raises: ImageError, with the cure."""
    try:
        return decode(path)
    except ImageError as error:
        cures = {Status.MISSING: "Give a photograph or a folder as IMAGE", Status.BROKEN: "Give a sound copy as IMAGE"}
        cure = f". {cures[error.status]}" if error.status in cures else ""
        raise ImageError(error.status, f"{error}{cure}") from None


def _predict(path: Path, finder: _Finder, model: Model, about: dict[str, Any], out: Path) -> None:
    image = _photograph(path)
    boxes, rows, how = finder.find(path, image)
    looked = model.look(Photo(path.name, image, boxes), rows)
    document = {
        "image": str(path),
        "size": list(image.size),
        "people": how,
        "head": {name: about[name] for name in ("head", "checkpoint", "dataset", "release", "protocol", "seeds")},
        "untrained": model.untrained,
        **looked,
        "not_looked_at": dict(model.absent),
    }
    make_folder(out)
    replace_text(out / f"{path.name}.json", json.dumps(document, indent=2, allow_nan=False) + "\n")
    replace(out / f"{path.name}.annotated.png", [_png(draw(image, looked["persons"], model.untrained))])
    for line in _lines(path, document):
        print(line, flush=True)
    print(f"  written to {out / path.name}.json and .annotated.png", flush=True)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _lines(path: Path, document: dict[str, Any]) -> list[str]:
    marked = f" (UNTRAINED: {', '.join(document['untrained'])})" if document["untrained"] else ""
    lines = [f"{path}: {len(document['persons'])} people{marked}"]
    for number, person in enumerate(document["persons"]):
        if person["emotions"] is None:
            lines.append(f"  {number}: no prediction: {person['reason']}")
            continue
        best = sorted(main_answer(person).items(), key=lambda pair: -pair[1])[:3]
        lines.append(f"  {number}: " + ", ".join(f"{name} {100 * share:.1f} %" for name, share in best))
    return lines


if __name__ == "__main__":
    sys.exit(main())
