"""A dataset of one's own: a folder of images and one table of who is where and feels what.

Origin: yours. Layout: `<root>/labels.csv`, and images anywhere below the root. For example, with two people in a.jpg:

    image,x1,y1,x2,y2,labels,split
    photos/a.jpg,12,30,210,420,happy;excited,train
    photos/a.jpg,230,25,400,415,calm,train
    photos/b.jpg,,,,,afraid,val
    photos/c.jpg,40,10,300,380,happy,test

One row is one person. image: the path below the root, with `/`. x1, y1, x2, y2: the person's box in pixels of the
upright image, left, top, right, bottom; blank, or no such columns, for the whole image. labels: one or more, separated
by `;` or `|`; blank for a person without. Further columns, all optional: split (train, val, test; without it images are
drawn 70/10/20 by a seeded hash), valence, arousal, dominance (1..10 or blank), gender, age. Other columns are errors,
and so is every row that cannot be meant; only what the images themselves decide stays in the manifest with a status: a
box outside its image, an image that is not there or cannot be read.
The vocabulary is that of the file, sorted. Keys are `photos/a.jpg#0`.

    make extract DATASET=table ROOT=folder STORE=store/folder

Features go to a folder that is named `table` in STORE, so a second dataset of one's own takes another STORE.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import ClassVar, Final

import pipeline.dataset
from cache.errors import DataError, nearest
from cache.manifest import SPLITS, Manifest
from pipeline.datasets import _headers
from pipeline.datasets._csv import Record, Table, read_csv
from pipeline.datasets._headers import Header, read_headers
from pipeline.datasets._people import VAD, Image, Person, rated, shown
from pipeline.datasets._rows import Rows
from pipeline.datasets._split import SEED, SHARES, drawn
from pipeline.decoding.paths import inside

FILE: Final = "labels.csv"
BOX: Final = ("x1", "y1", "x2", "y2")
COLUMNS: Final = ("image", *BOX, "labels", "split", *VAD, "gender", "age")


class Reader(pipeline.dataset.Reader):
    """labels.csv beside the images."""

    name: ClassVar[str] = "table"
    version: ClassVar[int] = 1

    def annotation_files(self) -> list[Path]:
        """The one CSV. Raises: DataError when it is absent."""
        if (path := self.root / FILE).is_file():
            return [path]
        raise DataError(f"{path}: no such file. It has the columns image, x1, y1, x2, y2, labels; ROOT holds it")

    def arrangement(self) -> str:
        """What the images' headers say."""
        return _headers.state(read_headers(self.root, "", _by_image(self.root, self._table())))

    def read(self, source: str) -> Manifest:
        """One row per person, images in the order of their first row. Raises: DataError naming file and line."""
        table = self._table()
        vocabulary = _vocabulary(table)
        images = _by_image(self.root, table)
        splits, headers = _splits(table, images), read_headers(self.root, "", images)
        rows = Rows(self.root, vocabulary)
        for path, records in images.items():
            rows.add(_image(path, records, splits[path], headers[path]))
        return Manifest.from_rows(
            rows.rows,
            dataset=self.name,
            release=f"{len(images)} images, {len(table.records)} people",
            category_names=vocabulary,
            source=source,
            notes=[*_notes(table, vocabulary), *_headers.notes(self.root, headers), *rows.notes()],
        )

    def _table(self) -> Table:
        table = read_csv(self.annotation_files()[0], ("image", "labels"), COLUMNS)
        absent = [name for name in BOX if name not in table.columns]
        if absent and len(absent) < len(BOX):
            raise DataError(f"{table.path}:1: has no column {absent[0]!r}. A box is x1, y1, x2, y2")
        return table


def _labels(record: Record) -> tuple[str, ...]:
    words = (word.strip() for word in re.split("[;|]", record.fields["labels"]))
    return tuple(dict.fromkeys(word for word in words if word))


def _vocabulary(table: Table) -> list[str]:
    if words := sorted({word for record in table.records for word in _labels(record)}):
        return words
    raise DataError(f"{table.path}: no row has a label. Several are separated by ; or |")


def _by_image(root: Path, table: Table) -> dict[str, list[Record]]:
    """Path -> its rows. Raises: DataError for a path that is not one below the root, and for a person told twice."""
    found: defaultdict[str, list[Record]] = defaultdict(list)
    boxes: dict[tuple[str, tuple[float, ...]], Record] = {}
    for record in table.records:
        path = _path(root, record)
        first = boxes.setdefault((path, _box(record)), record)
        if first is not record:
            text = f"{shown(path)} with the same box stands in line {first.line} already"
            raise DataError(f"{record.place}: {text}. One row is one person; separate several labels by ;")
        found[path].append(record)
    return dict(found)


def _path(root: Path, record: Record) -> str:
    text = record.fields["image"]
    if "\\" in text or re.match(r"[A-Za-z]:", text):
        raise DataError(f"{record.place}: image {text!r} is a Windows path. Write it with / and below {root}")
    try:
        return inside(root, text)
    except DataError as error:
        raise DataError(f"{record.place}: image {error}") from None


def _box(record: Record) -> tuple[float, ...]:
    """Four numbers, or none for the whole image. Raises: DataError for a box that is none in any image."""
    texts = [record.fields.get(name, "") for name in BOX]
    if not any(texts):
        return ()
    if not all(texts):
        blank = BOX[texts.index("")]
        raise DataError(f"{record.place}: {blank} is blank and others are not. All four blank mean the whole image")
    box = tuple(record.number(name) for name in BOX)
    for low, high in ((0, 2), (1, 3)):
        if box[low] >= box[high]:
            text = f"{BOX[low]}={box[low]:g} is not less than {BOX[high]}={box[high]:g}"
            raise DataError(f"{record.place}: {text}. A box is left, top, right, bottom in pixels")
    return box


def _splits(table: Table, images: dict[str, list[Record]]) -> dict[str, str]:
    """Path -> split. Raises: DataError for a split that is none, blank beside others, or two of one image."""
    if not _has_split(table):
        return drawn(images)
    for record in table.records:
        if (split := record.fields["split"]) not in SPLITS:
            raise DataError(f"{record.place}: split {split!r} is none.{nearest(split, SPLITS)}")
    for path, records in images.items():
        if other := [record for record in records if record.fields["split"] != records[0].fields["split"]]:
            first, second = records[0], other[0]
            text = f"{shown(path)} is in {second.fields['split']}, and in {first.fields['split']} in line {first.line}"
            raise DataError(f"{second.place}: {text}. All people of an image go into one split")
    return {path: records[0].fields["split"] for path, records in images.items()}


def _has_split(table: Table) -> bool:
    return any(record.fields.get("split") for record in table.records)


def _image(path: str, records: list[Record], split: str, header: Header) -> Image:
    people = tuple(_person(record, header) for record in records)
    return Image(f"{records[0].short} {shown(path)}", path, split, header.size, people, header.fault)


def _person(record: Record, header: Header) -> Person:
    numbers = [record.number(name) for name in VAD]
    whole = (0.0, 0.0, *map(float, header.size)) if all(header.size) else ()
    for name, number in zip(VAD, numbers, strict=True):
        if number < 1 or number > 10:  # neither is true of a blank
            raise DataError(f"{record.place}: {name} {number:g} is not in 1..10")
    return Person(
        place=record.place,
        box=_box(record) or whole,
        categories=_labels(record),
        vad=rated(numbers)[0],
        gender=record.fields.get("gender", ""),
        age=record.fields.get("age", ""),
    )


def _notes(table: Table, vocabulary: list[str]) -> list[str]:
    notes = []
    if not _has_split(table):
        notes.append(f"no column split: images drawn {SHARES} by seeded hash (seed {SEED})")
    if alike := [word for word in vocabulary if sum(word.casefold() == other.casefold() for other in vocabulary) > 1]:
        notes.append(f"labels that differ only in capitals, kept apart: {', '.join(alike)}")
    return notes
