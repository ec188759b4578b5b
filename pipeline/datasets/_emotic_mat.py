"""EMOTIC's Annotations.mat as plain values; what it may leave out or shorten is settled here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cache.errors import DataError, shown
from cache.manifest import SPLITS
from pipeline.datasets._matfile import read_mat
from pipeline.datasets._people import LARGEST_SIDE, VAD, Image, Person, rated


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
    """Every image struct of the file, in its order.

    Raises: DataError naming file, split, image, person and field; when nobody has a field of categories.
    """
    labelled = False
    for split, structs in load(path).items():
        for number, struct in enumerate(structs, start=1):
            yield _image(path, split, f"{split}({number})", struct)
            labelled = labelled or any(map(_is_labelled, _items(struct["person"])))
    if not labelled:
        fields = "annotations_categories or combined_categories"
        raise DataError(f"{path}: no person has the field {fields}, which EMOTIC's annotation has")


def _image(path: Path, split: str, place: str, struct: Any) -> Image:
    where = f"{path}: {place}"
    folder, file = _text(_field(where, struct, "folder")), _text(_field(where, struct, "filename"))
    if not file:
        raise DataError(f"{where}: filename is empty or not text")
    named = f"{folder}/{file}" if folder else file
    place = f"{place} {shown(named)}"
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
    categories, merged_categories = _categories(where, struct)
    vad, merged_vad, remarks = _continuous(struct)
    return Person(
        place=where,
        box=box,
        categories=categories,
        vad=vad,
        gender=_text(struct.get("gender", "")),
        age=_text(struct.get("age", "")),
        merged=merged_categories + merged_vad,
        remarks=remarks,
    )


def _is_labelled(struct: Any) -> bool:
    return "annotations_categories" in struct or "combined_categories" in struct


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
    values = []
    for name in VAD:
        numbers = [_number(_member(one, name)) for one in told]
        values.append(math.fsum(numbers) / len(numbers) if numbers and all(map(math.isfinite, numbers)) else math.nan)
    vad, remarks = rated(values)
    merged = ("combined_continuous",) if not combined and len(told) > 1 else ()
    return vad, merged, remarks


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
    return int(number) if 1 <= number <= LARGEST_SIDE else 0
