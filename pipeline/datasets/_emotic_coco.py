"""EMOTIC as COCO-style JSON with all of a person's categories in one number: one file for each split.

`images` (id, file_name, width, height) and `annotations` (image_id, bbox, category_id). category_id is the 26 labels as
a binary number whose first, most significant digit is Affection: 2 ** 25 is Affection alone, 1 Yearning alone. bbox is
x, y, width, height of the HEAD. There is no VAD, gender or age.
Source: the converter of DSCT (Decoupled Subject-Context Transformer), which joins the labels as digits. The order shows
in the labels too: of validation's 2,397 people 2,263 have Engagement, EMOTIC's most frequent label; from the other end
they would be 173.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cache.errors import DataError, shown
from pipeline.datasets import _json
from pipeline.datasets._people import LARGEST_SIDE, Image, Person

_NO_VAD: Final = (math.nan,) * 3


def images(files: Mapping[str, Path], categories: Sequence[str]) -> Iterator[Image]:
    """Every image of the files by split, in the files' order, also those that nobody is annotated in.

    categories: the labels from the first digit on. Raises: DataError naming the file and the entry.
    """
    for split, path in files.items():
        content = _load(path)
        people: defaultdict[int, list[Person]] = defaultdict(list)
        for number, entry in enumerate(_json.entries(path, content, "annotations")):
            where = f"{path}: annotations[{number}]"
            people[_json.whole(where, entry, "image_id")].append(_person(where, entry, categories))
        seen: set[int] = set()
        for number, entry in enumerate(_json.entries(path, content, "images")):
            identity = _json.whole(where := f"{path}: images[{number}]", entry, "id")
            if identity in seen:
                raise DataError(f"{where}: an image before it has the same id {str(identity)[:30]}")
            seen.add(identity)
            yield _image(where, f"{path.name}: images[{number}]", split, entry, people.pop(identity, []))
        for identity, lost in people.items():
            raise DataError(f"{lost[0].place}: no image has the id that its image_id names, {str(identity)[:30]}")


def _load(path: Path) -> dict[str, Any]:
    content = _json.load(path)
    if content.get("categories"):
        text = "lists categories, so its category_id is one category's number"
        raise DataError(f"{path}: {text}. EMOTIC's has none, and category_id is 26 labels as a binary number")
    return content


def _image(where: str, place: str, split: str, entry: Any, people: list[Person]) -> Image:
    named = _json.text(where, entry, "file_name")
    sides = (_json.value(where, entry, "width"), _json.value(where, entry, "height"))
    width, height = (int(side) if _json.is_number(side) and 1 <= side <= LARGEST_SIDE else 0 for side in sides)
    return Image(f"{place} {shown(named)}", named, split, (width, height), tuple(people))


def _person(where: str, entry: Any, categories: Sequence[str]) -> Person:
    labels, box = _json.whole(where, entry, "category_id"), _json.value(where, entry, "bbox")
    if not 0 <= labels < 1 << len(categories):
        raise DataError(f"{where}: category_id {str(labels)[:30]} is not a number of {len(categories)} binary digits")
    numbers = tuple(float(x) if _json.is_number(x) else math.nan for x in (box if isinstance(box, list) else ()))
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
