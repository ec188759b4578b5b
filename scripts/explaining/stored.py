"""A person of the dataset, by his key: what the head reads of him is in the store."""

import argparse
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cache.errors import AffectError, DataError, UnknownName
from cache.feature import Feature
from cache.manifest import Manifest
from cache.spec import Status
from cache.store import Features, Store
from heads import protocol as protocols
from heads.checkpoints.about import check_protocol
from heads.checkpoints.checkpoint import Checkpoint
from heads.experiments.evaluate import check_store
from heads.inputs.features import load_split
from heads.task import PARTS
from pipeline.decoding.images import decode
from pipeline.running.reading import usable_boxes
from pipeline.running.recipes import stage_of
from scripts.explaining.subject import Frame, Subject


def subject(options: argparse.Namespace, path: Path, checkpoint: Checkpoint, max_pixels: int) -> Subject:
    """The person with the key ``options.key`` in the store of the head's dataset.

    path: of the checkpoint. Raises: UnknownName for a key that is none; DataError for a person without a feature that
    the head reads, and for a photograph that is not below the ROOT that was given; StoreError; ImageError.
    """
    about, store = checkpoint.about, Store(options.store)
    manifest = store.manifest(about["dataset"])
    row = _row(manifest, options.key)
    features = store.features(manifest.dataset)
    check_store(path, about, {name: one.fingerprint for name, one in features.items()} | {"": manifest.source})
    _check(features, checkpoint, options.key, row)
    rows, arrays = np.array([row]), checkpoint.head.arrays_of(checkpoint.recipe)
    split = load_split(features, manifest, checkpoint.head.inputs, rows, torch.device("cpu"), arrays)
    whole = torch.zeros(1, dtype=torch.int64)
    kept = {name: x.index_select(0, whole) for name, x in split.stored.items()}
    told, notes = _part(path, checkpoint, manifest, row, options.mapping)
    image, why = _image(options, manifest, row, max_pixels)
    box = None if image is None else _box(manifest, row, image)

    def frame(name: str) -> Frame:
        return None if image is None or box is None else _frame(features[name], image, box)

    def read(name: str, array: str) -> NDArray[Any] | None:
        if array not in features[name].arrays:
            return None
        found: NDArray[Any] = features[name].of_people(array, rows)[0][0]
        return found

    name = options.key.replace("/", "_").replace("#", ".")
    told = {"key": options.key, **told}
    return Subject(name, {**split.tensors, **kept}, row, image, box, frame, read, told, [*notes, *why])


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
    for name in dict.fromkeys(one.partition("/")[0] for one in checkpoint.head.inputs):
        status = Status(int(features[name].status_of_people(np.array([row]))[0]))
        if status != Status.OK:
            raise DataError(f"KEY={key}: has no {name} ({status.word}), which the head reads. Take another KEY")


def _part(
    path: Path, checkpoint: Checkpoint, manifest: Manifest, row: int, mapping: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Which part of the data he is in and what is right of him; and a sentence where the head has learned from him."""
    protocol = protocols.find(checkpoint.about["protocol"], mapping)
    check_protocol(path, checkpoint.about, protocol)
    task = protocol.task(manifest)
    part = next((one for one in PARTS if row in getattr(task, one)), None)
    if part is None:
        return {"part": None, "truth": None}, [f"this person has no part in {protocol.name}"]
    notes = [f"this is a {part} person: the head has learned from this very row"] if part == "train" else []
    return {"part": part, "truth": protocol.truth(task, row)}, notes


def _image(
    options: argparse.Namespace, manifest: Manifest, row: int, max_pixels: int
) -> tuple[Image.Image | None, list[str]]:
    """The photograph; a sentence where it is another than the annotation's, or, without ROOT, where there is none."""
    root = options.root or options.data / manifest.dataset
    path = root / manifest.folder / manifest.images[row]
    if not path.is_file():
        if options.root is None:
            return None, [f"the photograph is not drawn: {path} is not there, and no ROOT is given"]
        cure = f"Give the folder of {manifest.dataset} as ROOT, or none to do without a photograph"
        raise DataError(f"{path}: no such photograph. {cure}")
    image, (width, height) = decode(path, max_pixels), manifest.sizes[row].tolist()
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
