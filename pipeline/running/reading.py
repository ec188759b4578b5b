"""What a decoding thread does for one image: pixels once, then the cheap part of every stage that is given them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from cache.layout import Block
from cache.manifest import TOO_SMALL, WITHOUT_BOX, Manifest
from cache.spec import Granularity, Status
from pipeline.decoding.boxes import too_small
from pipeline.decoding.images import MAX_PIXELS, ImageError, decode
from pipeline.decoding.paths import resolve
from pipeline.stage import Photo, Stage

Row = Mapping[str, NDArray[Any]]
Unusable = dict[int, tuple[Status, str]]
"""Number of a person in an image -> UNUSABLE or TOO_SMALL, and why."""


@dataclass
class Prepared:
    """One image after its thread.

    status, message: of the image as a whole. items: feature -> what its stage's ``prepare`` gave. unusable: person ->
    why its box cannot be used. faults: feature -> why its ``prepare`` failed.
    """

    status: Status = Status.OK
    message: str = ""
    items: dict[str, list[Any]] = field(default_factory=dict)
    unusable: Unusable = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def prepare(
    root: Path,
    manifest: Manifest,
    block: Block,
    index: int,
    stages: Mapping[str, Stage[Any]],
    max_pixels: int = MAX_PIXELS,
) -> Prepared:
    """Decode image ``index`` of ``block`` and prepare it for ``stages``. Never raises for a bad image."""
    key, rows = block.images[index], block.rows[block.spans[index]]
    image = _read(root, manifest, key, max_pixels)
    if isinstance(image, Prepared):
        return image
    boxes, unusable = usable_boxes(manifest, rows, image.size)
    photo, prepared = Photo(key, image, boxes), Prepared(unusable=unusable)
    for name, stage in stages.items():
        if stage.granularity is Granularity.PERSON and not len(boxes):
            continue
        try:
            prepared.items[name] = stage.prepare(photo)
        except Exception as error:  # a stage's fault is this image's, not the run's
            prepared.faults[name] = f"{type(error).__name__}: {error}"
    return prepared


def look(
    root: Path,
    manifest: Manifest,
    key: str,
    wanted: Mapping[str, tuple[Stage[Any], Sequence[Row]]],
    max_pixels: int = MAX_PIXELS,
) -> Prepared:
    """Decode image ``key`` again and show it, with rows of their sources, to stages that see it.

    wanted: feature -> its stage and the rows of the image. Never raises for a bad image.
    """
    image = _read(root, manifest, key, max_pixels)
    if isinstance(image, Prepared):
        return image
    prepared = Prepared()
    for name, (stage, rows) in wanted.items():
        try:
            prepared.items[name] = stage.look(image, rows)
        except Exception as error:
            prepared.faults[name] = f"{type(error).__name__}: {error}"
    return prepared


def _read(root: Path, manifest: Manifest, key: str, max_pixels: int) -> Image | Prepared:
    """The image, or what is to be said of it."""
    path = root / manifest.folder / key
    try:
        path = resolve(root, f"{manifest.folder}/{key}" if manifest.folder else key)
        return decode(path, max_pixels)
    except ImageError as error:  # the ledger names the key: where the root lies changes no shard
        return Prepared(error.status, str(error).removeprefix(f"{path}: "))


def usable_boxes(
    manifest: Manifest, rows: NDArray[np.int64], size: tuple[int, int]
) -> tuple[NDArray[np.float32], Unusable]:
    """Boxes of the persons in ``rows`` that have a usable one, clamped to the image of ``size`` (width, height).

    Returns (p, 4) float32 xyxy, and for the other persons, by their number, status and reason.
    """
    limit = np.array([*size, *size], dtype=np.float32)
    boxes: list[NDArray[np.float32]] = []
    unusable: Unusable = {}
    for person, row in enumerate(rows.tolist()):
        if (word := manifest.statuses[row]) in WITHOUT_BOX:
            status = Status.TOO_SMALL if word == TOO_SMALL else Status.UNUSABLE
            unusable[person] = status, manifest.reasons[row] or word
            continue
        box = np.minimum(np.maximum(manifest.boxes[row], 0), limit)
        if not (box[2] > box[0] and box[3] > box[1]):
            text = f"box {manifest.boxes[row].tolist()} lies outside the image ({size[0]} x {size[1]})"
            unusable[person] = Status.UNUSABLE, text
        elif reason := too_small(box.tolist()):
            unusable[person] = Status.TOO_SMALL, reason
        else:
            boxes.append(box)
    return np.array(boxes, dtype=np.float32).reshape(-1, 4), unusable
