"""EMOTIC's Annotations.mat as plain values; what it may leave out or shorten is settled here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cache.errors import DataError
from cache.manifest import SPLITS
from pipeline.datasets._matfile import read_mat

_VAD: Final = ("valence", "arousal", "dominance")
_LARGEST: Final = 1_000_000
"""Image sides beyond this are no image's."""


@dataclass(frozen=True)
class Person:
    """One person struct.

    box: the numbers of body_bbox, NaN for what is no number. categories: words. vad: 1..10, NaN where unknown.
    merged: fields combined_* that are absent, so that ours is the union or the mean over several annotators.
    remarks: what is wrong with the labels. labelled: False when the struct has neither field of categories.
    """

    box: tuple[float, ...]
    categories: tuple[str, ...]
    vad: tuple[float, float, float]
    gender: str
    age: str
    merged: tuple[str, ...]
    remarks: tuple[str, ...]
    labelled: bool


@dataclass(frozen=True)
class Image:
    """One image struct. place: which one, as MATLAB counts, and its path. path: folder/filename as annotated.
    size: width, height; 0 for a side that is not usable."""

    place: str
    path: str
    split: str
    size: tuple[int, int]
    people: tuple[Person, ...]


def load(path: Path) -> dict[str, list[Any]]:
    """split -> its image structs. Raises: DataError when the file is not a whole .mat with the three splits."""
    found = read_mat(path, SPLITS)
    splits: dict[str, list[Any]] = {}
    for split in SPLITS:
        if split not in found:
            raise DataError(f"{path}: has no variable {split!r}. Annotations.mat holds {', '.join(SPLITS)}")
        splits[split] = _items(found[split])
        if not splits[split]:
            raise DataError(f"{path}: split {split!r} is empty. Annotations.mat holds {', '.join(SPLITS)}")
    return splits


def images(path: Path) -> Iterator[Image]:
    """Every image struct of the file, in its order. Raises: DataError naming file, split, image, person and field."""
    for split, structs in load(path).items():
        for number, struct in enumerate(structs, start=1):
            yield _image(path, split, f"{split}({number})", struct)


def _image(path: Path, split: str, place: str, struct: Any) -> Image:
    where = f"{path}: {place}"
    folder, file = _text(_field(where, struct, "folder")), _text(_field(where, struct, "filename"))
    if not file:
        raise DataError(f"{where}: filename is empty or not text")
    named = f"{folder}/{file}" if folder else file
    place = f"{place} {named if named.isprintable() else ascii(named)}"
    where = f"{path}: {place}"
    size = _only(_field(where, struct, "image_size"))
    people = _items(_field(where, struct, "person"))
    return Image(
        place=place,
        path=named,
        split=split,
        size=(_side(_field(where, size, "n_col")), _side(_field(where, size, "n_row"))),
        people=tuple(_person(f"{where} person({number})", one) for number, one in enumerate(people, start=1)),
    )


def _person(where: str, struct: Any) -> Person:
    box = tuple(_number(value) for value in _items(_field(where, struct, "body_bbox")))
    fields = struct
    categories, merged_categories = _categories(where, fields)
    vad, merged_vad, remarks = _continuous(fields)
    return Person(
        box=box,
        categories=categories,
        vad=vad,
        gender=_text(fields.get("gender", "")),
        age=_text(fields.get("age", "")),
        merged=merged_categories + merged_vad,
        remarks=remarks,
        labelled="annotations_categories" in fields or "combined_categories" in fields,
    )


def _categories(where: str, fields: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The person's words, and the name of the part when it is the union over several annotators."""
    if "combined_categories" in fields:
        return _words(where, fields["combined_categories"]), ()
    told = [_words(where, _member(one, "categories")) for one in _items(fields.get("annotations_categories"))]
    union = tuple(dict.fromkeys(word for words in told for word in words))
    return union, ("combined_categories",) if len(told) > 1 else ()


def _continuous(fields: dict[str, Any]) -> tuple[tuple[float, float, float], tuple[str, ...], tuple[str, ...]]:
    """VAD, the name of the part when it is the mean over several annotators, and remarks on absent values."""
    combined = "combined_continuous" in fields
    told = _items(fields.get("combined_continuous" if combined else "annotations_continuous"))
    values, remarks = [], []
    for name in _VAD:
        numbers = [_number(_member(one, name)) for one in told]
        value = math.fsum(numbers) / len(numbers) if numbers and all(map(math.isfinite, numbers)) else math.nan
        if math.isnan(value):
            remarks.append(f"no {name}")
        elif not 1 <= value <= 10:
            remarks.append(f"{name} {value:g} is not in 1..10")
            value = math.nan
        values.append(value)
    merged = ("combined_continuous",) if not combined and len(told) > 1 else ()
    return (values[0], values[1], values[2]), merged, tuple(remarks)


def _field(where: str, struct: Any, name: str) -> Any:
    if not isinstance(struct, dict) or name not in struct:
        kind = "has no field" if isinstance(struct, dict) else "is not a struct with the field"
        raise DataError(f"{where}: {kind} {name!r}, which EMOTIC's annotation has")
    return struct[name]


def _member(struct: Any, name: str) -> Any:
    return struct.get(name) if isinstance(struct, dict) else None


def _items(value: Any) -> list[Any]:
    """The elements of an array; those of a cell of arrays in one row. A text, too, is one element."""
    if not isinstance(value, tuple):
        return [] if value is None else [value]
    return [inner for item in value for inner in (_items(item) if isinstance(item, tuple) else [item])]


def _only(value: Any) -> Any:
    items = _items(value)
    return items[0] if len(items) == 1 else None


def _words(where: str, value: Any) -> tuple[str, ...]:
    words = [item for item in _items(value) if not (isinstance(item, str) and not item.strip())]
    if strange := [item for item in words if not isinstance(item, str)]:
        raise DataError(f"{where}: a category is {type(strange[0]).__name__}, not text")
    return tuple(dict.fromkeys(word.strip() for word in words))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float:
    """NaN for whatever is not one real number."""
    number = _only(value)
    return number if isinstance(number, float) else math.nan


def _side(value: Any) -> int:
    number = _number(value)
    return int(number) if 1 <= number <= _LARGEST else 0
