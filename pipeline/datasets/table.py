"""A dataset of one's own: a folder of images and one table of who is where and feels what.

Origin: yours. Layout: `<root>/labels.csv`, and images anywhere below the root. For example, with two people in a.jpg:

    image,x1,y1,x2,y2,labels,split
    photos/a.jpg,12,30,210,420,happy;excited,train
    photos/a.jpg,230,25,400,415,calm,train
    photos/b.jpg,,,,,afraid,val
    photos/c.jpg,40,10,300,380,happy,test

One row is one person. image: the path below the root, with `/`. x1, y1, x2, y2: the person's box in pixels of the
upright image, left, top, right, bottom; blank, or no such columns, for the whole image. BOX says otherwise: `xywh`,
`normalised`, `normalised_xywh`; boxes that are hardly in the form they are read in are an error (see box_forms).
labels: one or more, separated by `;` or `|`; blank for a person without. Further columns, all optional: split (train,
val, test; without it images are drawn 70/10/20 by a seeded hash, with every class in every part), valence, arousal,
dominance (1..10 or blank), gender, age. Other usual names of these columns are understood, and other columns are taken
along as they are; both is said. Columns that look like a box or a split and are not called so are an error. Columns are
separated by commas, semicolons or tabs. Every row that cannot be meant is an error; only what the images themselves
decide stays in the manifest with a status: a box outside its image or of a few pixels, an image that is not there or
cannot be read.
The vocabulary is that of the file, sorted. Keys are `photos/a.jpg#0`.
In place of labels.csv there may be labels.json, in COCO's form (see _table_coco).

    make extract DATASET=table ROOT=folder STORE=store/folder

Features go to a folder that is named `table` in STORE, so a second dataset of one's own takes another STORE.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Final

import pipeline.dataset
from cache.errors import DataError, shown
from cache.manifest import Manifest
from pipeline.datasets import _headers, _table_coco, _table_csv
from pipeline.datasets._headers import Header, read_headers
from pipeline.datasets._people import Person, rated
from pipeline.datasets._rows import Rows
from pipeline.datasets._split import SEED, SHARES, drawn_by_class, lacking
from pipeline.datasets._table_sheet import Entry, Sheet, corners, settled
from pipeline.decoding.box_forms import FORMS
from pipeline.decoding.images import MAX_PIXELS

FILES: Final = ("labels.csv", "labels.json")


class Reader(pipeline.dataset.Reader):
    """labels.csv or labels.json beside the images."""

    name: ClassVar[str] = "table"
    version: ClassVar[int] = 2
    forms: ClassVar[tuple[str, ...]] = tuple(FORMS)

    def annotation_files(self) -> list[Path]:
        """The one file. Raises: DataError when there is none, or both."""
        found = [path for name in FILES if (path := self.root / name).is_file()]
        if len(found) > 1:
            text = f"{' and '.join(path.name for path in found)} both lie there"
            raise DataError(f"{self.root}: {text}, and one of them is the table. Take the other one away")
        if found:
            return found
        others = sorted(path.name for path in self.root.glob("*") if path.suffix.lower() in (".csv", ".json"))
        there = f"; rename the one that is meant: {', '.join(map(shown, others))[:200]}" if others else ""
        columns = "It has the columns image, labels and, as needed, x1, y1, x2, y2, split"
        raise DataError(f"{self.root / FILES[0]}: no such file. {columns}; ROOT holds it, or {FILES[1]}{there}")

    def arrangement(self) -> str:
        """The form of the boxes, whether it was said (then it is not doubted), and what the images' headers say."""
        sheet = self._sheet()
        said = " said" if self.reading.asked else ""
        return f"{self.reading.box or sheet.form}{said}\n{_headers.state(self._headers(sheet))}"

    def read(self, source: str) -> Manifest:
        """One row per person, images in the order of their first row. Raises: DataError naming file and line."""
        sheet = self._sheet()
        vocabulary = _vocabulary(sheet)
        headers = self._headers(sheet)
        form, about = settled(sheet, headers, self.reading.box, self.reading.asked)
        splits, drawing = _splits(sheet)
        rows = Rows(self.root, vocabulary)
        for path, entries in sheet.images.items():
            people = [_person(entry, corners(entry, form, headers[path])) for entry in entries]
            rows.add(headers[path].image(sheet.places[path], path, splits[path], people))
        return Manifest.from_rows(
            rows.rows,
            dataset=self.name,
            release=f"{len(sheet.images)} images, {sheet.people} people",
            category_names=vocabulary,
            source=source,
            notes=[
                *(*drawing, *_alike(vocabulary), *sheet.notes, *about, *_turned(sheet, headers)),
                *(*_headers.notes(self.root, headers), *rows.notes()),
            ],
        )

    def _sheet(self) -> Sheet:
        (path,) = self.annotation_files()
        return _table_csv.read(self.root, path) if path.suffix == ".csv" else _table_coco.read(self.root, path)

    def _headers(self, sheet: Sheet) -> dict[str, Header]:
        return read_headers(self.root, "", sheet.images, self.reading.max_pixels or MAX_PIXELS)


def _vocabulary(sheet: Sheet) -> list[str]:
    if words := sorted({word for people in sheet.images.values() for entry in people for word in entry.labels}):
        return words
    raise DataError(f"{sheet.path}: no row has a label. Several are separated by ; or |")


def _splits(sheet: Sheet) -> tuple[dict[str, str], list[str]]:
    """Path -> split, and what is to be said of it."""
    if sheet.splits:
        return sheet.splits, []
    classes = {path: {word for entry in people for word in entry.labels} for path, people in sheet.images.items()}
    splits, moved = drawn_by_class(classes)
    for_classes = f"; {moved} moved so that every class is in every part" if moved else ""
    notes = [f"no column split: images drawn {SHARES} by seeded hash (seed {SEED}){for_classes}"]
    if absent := lacking(classes, splits):
        notes.append(f"classes with too few images to be in every part: {', '.join(absent)[:300]}")
    return splits, notes


def _person(entry: Entry, box: tuple[float, ...]) -> Person:
    extra = json.dumps(dict(entry.extra)) if entry.extra else ""
    return Person(entry.place, box, entry.labels, rated(entry.vad)[0], entry.gender, entry.age, extra=extra)


def _alike(vocabulary: list[str]) -> list[str]:
    alike = [word for word in vocabulary if sum(word.casefold() == other.casefold() for other in vocabulary) > 1]
    return [f"labels that differ only in capitals, kept apart: {', '.join(alike)}"] if alike else []


def _turned(sheet: Sheet, headers: dict[str, Header]) -> list[str]:
    """Boxes are in the upright image; a file that gives other sizes may mean another."""
    other = [path for path, size in sheet.sizes.items() if all(headers[path].size) and size != headers[path].size]
    if not other:
        return []
    text = "images whose width and height in the file are not those of the upright photograph, so that their boxes may"
    return [f"{text} mean another: {len(other)}, first {shown(other[0])}"]
