"""labels.csv: one row is one person."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from cache.errors import DataError, nearest, shown
from cache.manifest import SPLITS
from pipeline.datasets import _csv
from pipeline.datasets._csv import Record, Table
from pipeline.datasets._people import VAD
from pipeline.datasets._table_columns import BOX, Header, check_splits, understood
from pipeline.datasets._table_sheet import Entry, Sheet
from pipeline.decoding.paths import inside

MARKS: Final = ",;\t"
"""What may separate columns."""


def read(root: Path, path: Path) -> Sheet:
    """The file's people, images in the order of their first row. Raises: DataError naming file and line."""
    header = understood(path, _csv.columns(path, MARKS))
    table = _csv.read_csv(path, ("image", "labels"), MARKS, lambda name: header.names.get(name, name))
    if "split" not in table.columns:
        check_splits(path, {column: {record.fields[column] for record in table.records} for column in header.extra})
    commas = _csv.decimal_commas(table, (*header.box, *VAD))
    records = _by_image(root, table, header)
    return Sheet(
        path,
        {image: [_entry(record, header) for record in group] for image, group in records.items()},
        {image: f"{group[0].short} {shown(image)}" for image, group in records.items()},
        splits_of(table, records),
        form="xywh" if header.extent else "xyxy",
        box=header.box or BOX,
        extent=header.extent,
        notes=(*header.notes, *commas, *_joined(table)),
    )


def _by_image(root: Path, table: Table, header: Header) -> dict[str, list[Record]]:
    """Path -> its rows. Raises: DataError for a path that is not one below the root, and for a person told twice."""
    found: defaultdict[str, list[Record]] = defaultdict(list)
    boxes: dict[tuple[str, tuple[float, ...]], Record] = {}
    for record in table.records:
        path = path_of(root, record.fields["image"], record.place)
        first = boxes.setdefault((path, box_of(record, header)), record)
        if first is not record:
            text = f"{shown(path)} with the same box stands in line {first.line} already"
            raise DataError(f"{record.place}: {text}. One row is one person; separate several labels by ;")
        found[path].append(record)
    return dict(found)


def path_of(root: Path, text: str, place: str, column: str = "image") -> str:
    """The file's path below ``root``. Raises: DataError."""
    if "\\" in text or re.match(r"[A-Za-z]:", text):
        raise DataError(f"{place}: {column} {text!r} is a Windows path. Write it with / and below {root}")
    try:
        return inside(root, text)
    except DataError as error:
        raise DataError(f"{place}: {column} {error}") from None


def _entry(record: Record, header: Header) -> Entry:
    valence, arousal, dominance = (rating(record.place, name, record.number(name)) for name in VAD)
    return Entry(
        record.place,
        record.short,
        box_of(record, header),
        labels_of(record),
        (valence, arousal, dominance),
        record.fields.get("gender", ""),
        record.fields.get("age", ""),
        {column: record.fields[column] for column in header.extra},
    )


def _joined(table: Table) -> list[str]:
    """A comma separates no labels, for one may hold it."""
    found = [(record, word) for record in table.records for word in labels_of(record) if "," in word]
    if not found:
        return []
    rows, (first, word) = len({record.line for record, _ in found}), found[0]
    text = "labels that hold a comma, each taken for one (several are separated by ; or |)"
    return [f"{text}: {rows} rows, first {first.short} {shown(word)!r}"]


def labels_of(record: Record) -> tuple[str, ...]:
    """The words between ; or |, each once."""
    words = (word.strip() for word in re.split("[;|]", record.fields["labels"]))
    return tuple(dict.fromkeys(word for word in words if word))


def rating(place: str, name: str, number: float) -> float:
    """``number`` as it is, NaN for a blank. Raises: DataError when it is not in 1..10."""
    if number < 1 or number > 10:  # neither is true of a blank
        raise DataError(f"{place}: {name} {number:g} is not in 1..10")
    return number


def box_of(record: Record, header: Header) -> tuple[float, ...]:
    """Four numbers, or none for the whole image. Raises: DataError when some are blank or no numbers."""
    texts = [record.fields[name] for name in header.box]
    if not any(texts):
        return ()
    if not all(texts):
        blank = header.box[texts.index("")]
        raise DataError(f"{record.place}: {blank} is blank and others are not. All four blank mean the whole image")
    return tuple(record.number(name) for name in header.box)


def splits_of(table: Table, images: dict[str, list[Record]], noun: str = "an image") -> dict[str, str]:
    """Path -> split; {} where no row has one.

    Raises: DataError for a split that is none, blank beside others, or two of one image.
    """
    if not any(record.fields.get("split") for record in table.records):
        return {}
    for record in table.records:
        if (split := record.fields["split"]) not in SPLITS:
            raise DataError(f"{record.place}: split {split!r} is none.{nearest(split, SPLITS)}")
    for path, records in images.items():
        if other := [record for record in records if record.fields["split"] != records[0].fields["split"]]:
            first, second = records[0], other[0]
            text = f"{shown(path)} is in {second.fields['split']}, and in {first.fields['split']} in line {first.line}"
            raise DataError(f"{second.place}: {text}. All people of {noun} go into one split")
    return {path: records[0].fields["split"] for path, records in images.items()}
