"""A person of the dataset, by his key: what the head reads of him is in the store."""

import argparse
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cache.errors import AffectError, DataError, UnknownName
from cache.feature import Feature
from cache.manifest import OK, Manifest
from cache.spec import Status
from cache.store import Features, Store
from heads import known_protocols
from heads.checkpoints.about import check_protocol
from heads.checkpoints.checkpoint import Checkpoint
from heads.experiments.loaded import check_store
from heads.inputs.features import load_split
from heads.protocol import Protocol
from heads.task import PARTS, Task
from pipeline.decoding.images import decode
from pipeline.running.reading import usable_boxes
from pipeline.running.recipes import stage_of
from scripts.explaining.subject import Frame, Subject


@dataclass(frozen=True)
class Known:
    """What all people of a trained head's dataset have in common. root: folder of the photographs; given: by the user,
    who is then told when one is not there."""

    checkpoint: Checkpoint
    manifest: Manifest
    features: Features
    protocol: Protocol
    task: Task
    root: Path
    given: bool
    max_pixels: int

    def photograph(self, row: int) -> Path:
        """Where the one of a person is, or would be."""
        return self.root / self.manifest.folder / self.manifest.images[row]


def known(options: argparse.Namespace, path: Path, checkpoint: Checkpoint, max_pixels: int) -> Known:
    """Read once for any number of people. path: of the checkpoint.

    Raises: StoreError where the store or the mapping is another than the head was trained on; ConfigError.
    """
    about, store = checkpoint.about, Store(options.store)
    manifest = store.manifest(about["dataset"])
    features = store.features(manifest.dataset)
    check_store(path, about, {name: one.fingerprint for name, one in features.items()} | {"": manifest.source})
    protocol = known_protocols.find(about["protocol"], options.mapping)
    check_protocol(path, about, protocol)
    root, given = options.root or options.data / manifest.dataset, options.root is not None
    return Known(checkpoint, manifest, features, protocol, protocol.task(manifest), root, given, max_pixels)


def subject(of: Known, key: str) -> Subject:
    """The person with that key.

    Raises: UnknownName for a key that is none; DataError for a person without a feature that the head reads, and for a
    photograph that is not below the folder that was given; StoreError; ImageError.
    """
    checkpoint, manifest, features = of.checkpoint, of.manifest, of.features
    row = _row(manifest, key)
    _check(features, checkpoint, key, row)
    rows, arrays = np.array([row]), checkpoint.head.arrays_of(checkpoint.recipe)
    split = load_split(features, manifest, checkpoint.inputs, rows, torch.device("cpu"), arrays)
    whole = torch.zeros(1, dtype=torch.int64)
    kept = {name: x.index_select(0, whole) for name, x in split.stored.items()}
    told, notes = _part(of, row)
    image, why = _image(of, row)
    box = None if image is None else _box(manifest, row, image)

    def frame(name: str) -> Frame:
        return None if image is None or box is None else _frame(features[name], image, box)

    def read(name: str, array: str) -> NDArray[Any] | None:
        if array not in features[name].arrays:
            return None
        found: NDArray[Any] = features[name].of_people(array, rows)[0][0]
        return found

    name = key.replace("/", "_").replace("#", ".")
    told = {"key": key, **told}
    return Subject(
        name, {**split.tensors, **kept}, row, image, box, frame, read, told, [*notes, *why], _place(manifest, row)
    )


def _place(manifest: Manifest, row: int) -> NDArray[np.float64] | None:
    """His box in shares of the image, None where it is not known."""
    if manifest.statuses[row] != OK or not manifest.sizes[row].all():
        return None
    return np.asarray(manifest.boxes[row] / np.tile(manifest.sizes[row], 2), np.float64)


def _row(manifest: Manifest, key: str) -> int:
    if key in manifest.keys:
        row = manifest.keys.index(key)
        if manifest.persons[row] >= 0:
            return row
        raise DataError(f"KEY={key}: an image of {manifest.dataset} without an annotated person")
    close = get_close_matches(key, manifest.keys, 1, 0.5)
    hint = (
        f" Did you mean {close[0]!r}?" if close else f" They look like {manifest.keys[0]!r}." if len(manifest) else ""
    )
    raise UnknownName(f"KEY={key}: nobody in {manifest.dataset} has this key.{hint}")


def _check(features: Features, checkpoint: Checkpoint, key: str, row: int) -> None:
    """Raises: DataError when the person lacks what the head reads."""
    for name in dict.fromkeys(one.partition("/")[0] for one in checkpoint.inputs):
        status = Status(int(features[name].status_of_people(np.array([row]))[0]))
        if status != Status.OK:
            raise DataError(f"KEY={key}: has no {name} ({status.word}), which the head reads. Take another KEY")


def _part(of: Known, row: int) -> tuple[dict[str, Any], list[str]]:
    """Which part of the data he is in and what is right of him; and a sentence where the head has learned from him."""
    if of.checkpoint.by_image:
        row = _home(of.task, row)
    part = next((one for one in PARTS if row in getattr(of.task, one)), None)
    if part is None:
        return {"part": None, "truth": None}, [f"this person has no part in {of.protocol.name}"]
    notes = [f"this is a {part} person: the head has learned from this very row"] if part == "train" else []
    notes += ["the truth is of somebody in the photograph, not of this person alone"] if of.checkpoint.by_image else []
    return {"part": part, "truth": of.protocol.truth(of.task, row)}, notes


def _home(task: Task, row: int) -> int:
    """The row that stands for the image of ``row``, where one does."""
    every = np.concatenate([getattr(task, part) for part in PARTS])
    return next(iter(every[task.images[every] == task.images[row]].tolist()), row)


def _image(of: Known, row: int) -> tuple[Image.Image | None, list[str]]:
    """The photograph; a sentence where it is another than the annotation's, or, without ROOT, where there is none."""
    manifest, path = of.manifest, of.photograph(row)
    if not path.is_file():
        if not of.given:
            return None, [f"the photograph is not drawn: {path} is not there, and no ROOT is given"]
        cure = f"Give the folder of {manifest.dataset} as ROOT, or none to do without a photograph"
        raise DataError(f"{path}: no such photograph. {cure}")
    image, (width, height) = decode(path, of.max_pixels), manifest.sizes[row].tolist()
    if image.size == (width, height) or not width:
        return image, []
    told = f"the photograph is {image.width} x {image.height}, its annotation says {width} x {height}"
    return image, [f"{told}: what is drawn may be out of place"]


def _box(manifest: Manifest, row: int, image: Image.Image) -> NDArray[np.float32] | None:
    boxes, _ = usable_boxes(manifest, np.array([row]), image.size)
    return boxes[0] if len(boxes) else None


def _frame(feature: Feature, image: Image.Image, box: NDArray[np.float32]) -> Frame:
    """By the stage that made the feature, where it is one of those here."""
    info = feature.info
    try:
        stage = stage_of(feature.name, {"stage": info["stage"], **info["config"]}).stage
    except (KeyError, AffectError):
        return None
    return stage.frame(image, box)
