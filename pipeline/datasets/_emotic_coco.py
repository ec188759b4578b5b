"""EMOTIC as COCO-style JSON with all of a person's categories in one number: one file for each split.

`images` (id, file_name, width, height) and `annotations` (image_id, bbox, category_id). category_id is the 26 labels as
a binary number whose first, most significant digit is Affection: 2 ** 25 is Affection alone, 1 Yearning alone. bbox is
x, y, width, height of the HEAD. There is no VAD, gender or age.
Source: the converter of DSCT (Decoupled Subject-Context Transformer), which joins the labels as digits. The order shows
in the labels too: of validation's 2,397 people 2,263 have Engagement, EMOTIC's most frequent label; from the other end
they would be 173.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cache.errors import DataError
from pipeline.datasets._people import LARGEST_SIDE, Image, Person, shown

LARGEST: Final = 1 << 28
"""Bytes of a file; 34,320 people take 25 MB."""
_NO_VAD: Final = (math.nan,) * 3


def images(files: Mapping[str, Path], categories: Sequence[str]) -> Iterator[Image]:
    """Every image of the files by split, in the files' order, also those that nobody is annotated in.

    categories: the labels from the first digit on. Raises: DataError naming the file and the entry.
    """
    for split, path in files.items():
        content = _load(path)
        people: defaultdict[int, list[Person]] = defaultdict(list)
        for number, entry in enumerate(_entries(path, content, "annotations")):
            where = f"{path}: annotations[{number}]"
            people[_whole(where, entry, "image_id")].append(_person(where, entry, categories))
        seen: set[int] = set()
        for number, entry in enumerate(_entries(path, content, "images")):
            identity = _whole(where := f"{path}: images[{number}]", entry, "id")
            if identity in seen:
                raise DataError(f"{where}: an image before it has the same id {str(identity)[:30]}")
            seen.add(identity)
            yield _image(where, f"{path.name}: images[{number}]", split, entry, people.pop(identity, []))
        for identity, lost in people.items():
            raise DataError(f"{lost[0].place}: no image has the id that its image_id names, {str(identity)[:30]}")


def _load(path: Path) -> dict[str, Any]:
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise DataError(f"{path}: {size} bytes, over the cap of {LARGEST}. Is it the annotation?")
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {' '.join(str(error).split())[:200]}. Fetch the file again") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: is a JSON {type(content).__name__}, not an object with images and annotations")
    if content.get("categories"):
        text = "lists categories, so its category_id is one category's number"
        raise DataError(f"{path}: {text}. EMOTIC's has none, and category_id is 26 labels as a binary number")
    return content


def _entries(path: Path, content: dict[str, Any], name: str) -> list[Any]:
    found = content.get(name)
    if not isinstance(found, list) or not found:
        raise DataError(f"{path}: has no list {name!r}, or an empty one")
    return found


def _image(where: str, place: str, split: str, entry: Any, people: list[Person]) -> Image:
    named = _field(where, entry, "file_name")
    if not isinstance(named, str) or not named:
        raise DataError(f"{where}: file_name is empty or not text")
    sides = (_field(where, entry, "width"), _field(where, entry, "height"))
    width, height = (int(side) if _is_number(side) and 1 <= side <= LARGEST_SIDE else 0 for side in sides)
    return Image(f"{place} {shown(named)}", named, split, (width, height), tuple(people))


def _person(where: str, entry: Any, categories: Sequence[str]) -> Person:
    labels, box = _whole(where, entry, "category_id"), _field(where, entry, "bbox")
    if not 0 <= labels < 1 << len(categories):
        raise DataError(f"{where}: category_id {str(labels)[:30]} is not a number of {len(categories)} binary digits")
    numbers = tuple(float(x) if _is_number(x) else math.nan for x in (box if isinstance(box, list) else ()))
    if len(numbers) == 4:
        x, y, width, height = numbers
        numbers = (x, y, x + width, y + height)
    digits = f"{labels:0{len(categories)}b}"
    return Person(
        place=where,
        box=numbers,
        categories=tuple(name for name, digit in zip(categories, digits, strict=True) if digit == "1"),
        vad=_NO_VAD,
    )


def _field(where: str, entry: Any, name: str) -> Any:
    if not isinstance(entry, dict) or name not in entry:
        raise DataError(f"{where}: has no {name!r}")
    return entry[name]


def _whole(where: str, entry: Any, name: str) -> int:
    value = _field(where, entry, name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(f"{where}: {name} {str(value)[:60]!r} is not a whole number")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e30 < value < 1e30
