"""Who is in which image, in boxes, with which classes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.errors import ConfigError
from cache.manifest import OK, SPLITS, Manifest
from heads.head import BOXES, PEOPLE_CLASS, PEOPLE_FLAGS
from heads.protocols._images import ENOUGH
from heads.protocols._multilabel import people
from heads.task import NOWHERE, PARTS, Task
from heads.text import aligned, counted

Rows = NDArray[np.int64]


class Crowd(NamedTuple):
    """People and their images. rows: (p,) of the manifest, in order. homes: (p,) the row that stands for each one's
    image, which is its first person's. places: (p,) from 0, which of the image's people each is. most: of one image."""

    rows: Rows
    homes: Rows
    places: Rows
    most: int

    @classmethod
    def of(cls, manifest: Manifest, usable: NDArray[np.bool_]) -> "Crowd":
        """The usable people. An image that two splits have, as some annotations do, is one of each."""
        rows = np.flatnonzero(usable)
        images = [f"{manifest.splits[row]} {manifest.images[row]}" for row in rows]
        _, first, image, counts = np.unique(images, return_index=True, return_inverse=True, return_counts=True)
        order = np.argsort(image, kind="stable")
        places = np.empty(len(rows), np.int64)
        places[order] = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return cls(rows, rows[first[image]] if len(rows) else rows, places, int(counts.max(initial=1)))


def targets(manifest: Manifest, found: people.Labelled, crowd: Crowd) -> dict[str, NDArray[np.generic]]:
    """BOXES and one of PEOPLE_CLASS, PEOPLE_FLAGS, over all rows; those that stand for no image have nobody.

    Raises: ConfigError where the samples are clips, in whose frames a person moves.
    """
    if manifest.clips:
        raise ConfigError(f"{manifest.dataset}: has clips; boxes are learned of photographs. Take another PROTOCOL")
    who, at = crowd.rows, (crowd.homes, crowd.places)
    boxes = np.full((len(manifest), crowd.most, 4), np.nan, np.float32)
    boxes[at] = manifest.boxes[who] / np.tile(manifest.sizes[who], 2)
    flags = found.flags[who]
    if (flags.sum(1) == 1).all():
        classes = np.full(boxes.shape[:2], NOWHERE, np.int64)
        classes[at] = flags.argmax(1)
        return {BOXES: boxes, PEOPLE_CLASS: classes}
    every = np.zeros((*boxes.shape[:2], len(found.classes)), np.float32)
    every[at] = flags
    return {BOXES: boxes, PEOPLE_FLAGS: every}


def flags_of(task: Task, rows: Rows) -> NDArray[np.bool_]:
    """(m, K, C) of the people of those images."""
    if PEOPLE_FLAGS in task.targets:
        return np.asarray(task.targets[PEOPLE_FLAGS][rows], bool)
    return np.asarray(np.asarray(task.targets[PEOPLE_CLASS][rows])[..., None] == np.arange(len(task.classes)))


def there(task: Task, rows: Rows) -> NDArray[np.bool_]:
    """(m, K): where there is somebody."""
    return np.asarray(~np.isnan(np.asarray(task.targets[BOXES][rows], np.float32)[..., 0]))


def count(task: Task) -> dict[str, dict[str, int]]:
    """train, val, test -> class -> people who are in it."""
    every = {part: flags_of(task, getattr(task, part)).sum((0, 1)).tolist() for part in PARTS}
    return {part: {name: n for name, n in zip(task.classes, found, strict=True) if n} for part, found in every.items()}


def crowded(task: Task) -> list[str]:
    """Lines on images and people of each part, and on what is learned of a person."""
    found = {part: (len(rows), int(there(task, rows).sum())) for part in PARTS if len(rows := getattr(task, part))}
    told = "; ".join(f"{part} {images} images with {people} people" for part, (images, people) in found.items())
    kind = "one class" if PEOPLE_CLASS in task.targets else "any number of classes"
    return [f"A sample is an image: {told}; {task.sizes[BOXES]} at most in one. Each person has {kind}."]


def unscored(task: Task) -> list[str]:
    """Lines on classes that nobody of test has, and on those of few test images."""
    images = flags_of(task, task.test).any(1).sum(0)
    told = []
    if absent := [name for name, n in zip(task.classes, images, strict=True) if not n]:
        told.append(f"Classes that no test person has, in no mean over classes: {', '.join(absent)}.")
    if few := {name: int(n) for name, n in zip(task.classes, images, strict=True) if 0 < n < ENOUGH}:
        told.append(f"Classes with fewer than {ENOUGH} test images: {counted(few)}. Their intervals are too narrow.")
    return told


def left_out(manifest: Manifest) -> list[str]:
    """As of any number of labels, and how many images that leaves without anybody."""
    usable = people.labelled(manifest).usable
    somebody = {image for image, mine in zip(manifest.images, usable, strict=True) if mine}
    if empty := len(set(manifest.images) - somebody):
        return [*people.left_out(manifest), f"{empty} images have no usable person and have no part in it"]
    return people.left_out(manifest)


def text(words: Sequence[str], manifest: Manifest) -> str | None:
    """Images, people and people of each class by split, as a table; None when nobody has a label."""
    found, splits = people.labelled(manifest), np.array(manifest.splits)
    if not found.classes:
        return None
    mine = {split: found.usable & (splits == split) for split in SPLITS}
    images = np.array(manifest.images)
    body = [["", *SPLITS], ["images", *(str(len(np.unique(images[one]))) for one in mine.values())]]
    body.append(["people", *(str(int(one.sum())) for one in mine.values())])
    for name, flags in zip(found.classes, found.flags.T, strict=True):
        body.append([name, *(str(int((flags & one).sum())) for one in mine.values())])
    told = f"{manifest.dataset} ({manifest.release}), images with all their people"
    ok = sum(status == OK for status in manifest.statuses)
    head = f"{told}; {int(found.usable.sum())} of {ok} usable people have a label"
    return "\n".join([head, "", ", ".join(words), "", aligned(body), *(f"{one}." for one in left_out(manifest))])
