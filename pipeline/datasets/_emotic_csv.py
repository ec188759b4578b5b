"""EMOTIC as the CSV files that a public converter makes of the .mat: one file for each split, one row for each person.

Columns: Index, Folder, Filename, Image Size [width, height], BBox [x1, y1, x2, y2] (clamped already),
Categorical_Labels, Continuous_Labels [valence, arousal, dominance], Gender, Age. Lists are Python's literals.
Source: github.com/Tandon-A/emotic, mat2py.py.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from cache.errors import DataError, shown
from pipeline.datasets._csv import Record, Table
from pipeline.datasets._people import LARGEST_SIDE, VAD, Image, Person, rated

COLUMNS: Final = (
    *("Folder", "Filename", "Image Size", "BBox"),
    *("Categorical_Labels", "Continuous_Labels", "Gender", "Age"),
)
_NUMBER: Final = r"[-+]?(?:nan|inf|\d+\.?\d*(?:e[-+]?\d+)?|\.\d+)"
_TEXT: Final = r"'[^'\\]*'|\"[^\"\\]*\""
_LONGEST: Final = 10_000


def images(tables: Mapping[str, Table]) -> Iterator[Image]:
    """Every image of the tables by split, in the order of its first row; its rows are its people.

    Raises: DataError naming file and line.
    """
    for split, table in tables.items():
        grouped: defaultdict[str, list[Record]] = defaultdict(list)
        for record in table.records:
            grouped[_path(record)].append(record)
        for named, records in grouped.items():
            yield _image(split, named, records)


def _path(record: Record) -> str:
    folder, file = record.fields["Folder"], record.fields["Filename"]
    if not file:
        raise DataError(f"{record.place}: Filename is empty")
    return f"{folder}/{file}" if folder else file


def _image(split: str, named: str, records: list[Record]) -> Image:
    sizes = [tuple(map(_side, _numbers(record, "Image Size", 2))) for record in records]
    if other := [record for record, size in zip(records, sizes, strict=True) if size != sizes[0]]:
        text = f"Image Size {other[0].fields['Image Size']} differs from {records[0].fields['Image Size']} of the same"
        raise DataError(f"{other[0].place}: {text} image in line {records[0].line}")
    return Image(
        place=f"{records[0].short} {shown(named)}",
        path=named,
        split=split,
        size=(sizes[0][0], sizes[0][1]),
        people=tuple(_person(record) for record in records),
    )


def _person(record: Record) -> Person:
    vad, remarks = rated(_numbers(record, "Continuous_Labels", len(VAD), empty=math.nan))
    return Person(
        place=record.place,
        box=_numbers(record, "BBox", 4),
        categories=tuple(dict.fromkeys(_list(record, "Categorical_Labels", _TEXT))),
        vad=vad,
        gender=record.fields["Gender"],
        age=record.fields["Age"],
        remarks=remarks,
    )


def _numbers(record: Record, column: str, count: int, empty: float | None = None) -> tuple[float, ...]:
    """The column's numbers; ``count`` times ``empty`` for an empty list, where that is given."""
    numbers = tuple(map(float, _list(record, column, _NUMBER)))
    if not numbers and empty is not None:
        return (empty,) * count
    if len(numbers) != count:
        raise DataError(f"{record.place}: {column} has {len(numbers)} numbers, not {count}")
    return numbers


def _list(record: Record, column: str, item: str) -> list[str]:
    """The items of a flat literal list, texts without their quotation marks."""
    text = record.fields[column]
    if len(text) > _LONGEST or not re.fullmatch(rf"\[\s*(?:(?:{item})(?:\s*,\s*(?:{item}))*)?\s*\]", text, re.ASCII):
        kind = "numbers, as in [1, 2]" if item == _NUMBER else "words, as in ['Anger', 'Fear']"
        raise DataError(f"{record.place}: {column} {text[:60]!r} is not a list of {kind}")
    return [one.strip("'\"").strip() for one in re.findall(item, text, re.ASCII)]


def _side(value: float) -> int:
    return int(value) if 1 <= value <= LARGEST_SIDE else 0
