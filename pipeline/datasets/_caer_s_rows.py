"""CAER-S's manifest rows: one per image, with the face that a list gives it, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from posixpath import normpath
from typing import Final

from cache.errors import DataError
from cache.manifest import BAD_BOX, NO_PERSON, OK, OUTSIDE_ROOT, TOO_SMALL, Row
from cache.spec import Status
from pipeline.datasets._caer_s_images import SEED, File, file_of, held_out, is_text
from pipeline.datasets._caer_s_lists import Box, Lists, ordered, read_lists
from pipeline.datasets._face_list import Entry
from pipeline.datasets._rows import clamped
from pipeline.decoding.boxes import too_small
from pipeline.decoding.images import ImageError, size
from pipeline.decoding.paths import refused, resolve

LEADS_OUT: Final = "leads out of the dataset's folder"
VALIDATION: Final = "by clip where names tell it, else in runs of neighbouring numbers of a class, often of one clip"


def searched(images: Sequence[File], entries: Mapping[str, Entry]) -> tuple[list[Row], list[str]]:
    """Rows and notes by faces.csv: of ``images``, and of those that are in the list and not there any more.

    Raises: DataError for an entry whose path no image can have.
    """
    absent = [_absent(path) for path in sorted(entries.keys() - {image.path for image in images})]
    files = [*images, *absent]
    rows = [_by_entry(file, split, entries.get(file.path)) for file, split in _with_split(files)]
    several = sum(entry.faces > 1 for entry in entries.values())
    notes = [f"faces: by MTCNN (faces.csv), the largest of each image; images with several: {several}"]
    if absent:
        notes.append(f"images of faces.csv that are not there: {len(absent)}, first {absent[0].path}")
    return rows, [_held(files), *notes]


def listed(root: Path, images: Sequence[File]) -> tuple[list[Row], list[str]]:
    """Rows and notes by train.txt and test.txt: of ``images``, and of what only the lists name. Raises: DataError."""
    lists = read_lists(root, images)
    files = [*images, *lists.absent]
    rows = []
    for file, split in _with_split(files):
        box = lists.boxes.get(file.path)
        rows.append(_by_entry(file, split, None) if box is None else _by_box(root, file, split, box))
    moved = [row for row in rows if row.status == OK and row.box != ordered(row.original_box)]
    counts = {
        "boxes with corners the wrong way round, put right": len(lists.turned),
        "boxes that reached out of their images, clamped (the originals are kept)": len(moved),
        "lines that name an image again, left out": len(lists.repeated),
        "images of the lists that are not there": len(lists.absent),
    }
    notes = [f"faces: by train.txt and test.txt; images they leave out: {sum(row.person < 0 for row in rows)}"]
    notes += [f"{text}: {count}" for text, count in counts.items() if count]
    return rows + list(_refused(lists)), [_held(files), *notes]


def _absent(path: str) -> File:
    file = file_of(path)
    if file is None or normpath(path) != path or "\0" in path:
        raise DataError(f"faces.csv: names {path!r}, which is no image of train or test. Delete its line")
    return file


def _with_split(files: Sequence[File]) -> Iterator[tuple[File, str]]:
    validation = held_out(files)
    for file in files:
        yield file, "val" if file.path in validation else file.split


def _held(files: Sequence[File]) -> str:
    train = sum(file.split == "train" for file in files)
    return f"validation: {len(held_out(files))} of train's {train} images are held out (seed {SEED}), {VALIDATION}"


def _by_entry(image: File, split: str, entry: Entry | None) -> Row:
    """Without an entry: of an image that no list names."""
    labels = (image.label,)
    if not is_text(image.path):
        reason = "its name is not valid text"
        return Row(refused(image.path), -1, split, categories=labels, status=OUTSIDE_ROOT, reason=reason)
    if entry is None:
        reason = "the list of faces leaves it out"
        return Row(image.path, -1, split, categories=labels, status=NO_PERSON, reason=reason)
    if entry.box:
        reason = too_small(entry.box)
        status = TOO_SMALL if reason else OK
        return Row(image.path, 0, split, entry.box, entry.box, entry.size, labels, status=status, reason=reason)
    status = OUTSIDE_ROOT if entry.status is Status.OUTSIDE_ROOT else NO_PERSON
    reason = "no face was found" if entry.status is Status.NO_FACE else f"{entry.status.word}: {entry.note}"
    return Row(image.path, -1, split, size=entry.size, categories=labels, status=status, reason=reason)


def _by_box(root: Path, image: File, split: str, box: Box) -> Row:
    """Of an image to which a list gives ``box``; its size is told by its header."""
    file, status, measured = root / image.path, BAD_BOX, (0, 0)
    try:
        file = resolve(root, image.path)
        measured = size(file)
        inner, reason = clamped(ordered(box), measured)
        if inner:
            reason = too_small(inner)
            status = TOO_SMALL if reason else OK
    except ImageError as error:  # where the root lies is no part of a manifest
        inner, reason, status = None, str(error).removeprefix(f"{file}: "), error.status.word
    inner = inner or (math.nan,) * 4
    return Row(image.path, 0, split, inner, box, measured, (image.label,), status=status, reason=reason)


def _refused(lists: Lists) -> Iterator[Row]:
    seen = set[str]()
    for place, named, split, label in lists.refused:
        path = refused(named)
        if path not in seen:
            seen.add(path)
            yield Row(path, 0, split, categories=(label,), status=OUTSIDE_ROOT, reason=f"{place}: its path {LEADS_OUT}")
