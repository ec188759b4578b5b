"""labels.json: a table of one's own in COCO's form, `images`, `annotations` and `categories`.

An image has id and file_name (below the root) and may have split. An annotation has image_id, category_id and bbox
(left, top, width, height in pixels; absent or null: the whole image), or category_ids, a list; it may have valence,
arousal, dominance, gender and age. Annotations of one image with one bbox are one person with several labels. Crowds
(iscrowd) are nobody: they are left out, and counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cache.errors import DataError, nearest, shown
from cache.manifest import SPLITS
from pipeline.datasets import _json
from pipeline.datasets._people import VAD
from pipeline.datasets._table_csv import path_of, rating
from pipeline.datasets._table_sheet import Entry, Sheet

BBOX: Final = ("x", "y", "width", "height")
READ: Final = ("id", "image_id", "category_id", "category_ids", "bbox", "iscrowd", *VAD, "gender", "age")
USUAL: Final = ("area", "segmentation")
"""Fields that every COCO file has; nothing is said of them."""


def read(root: Path, path: Path) -> Sheet:
    """The file's people, images in the order of ``images``. Raises: DataError naming file and entry."""
    content = _json.load(path)
    images = _by_id(path, content, "images")
    names = {one: _json.text(place, entry, "file_name") for one, (place, entry) in images.items()}
    paths = {one: path_of(root, name, images[one][0]) for one, name in names.items()}
    if twice := _repeated(list(paths.values())):
        one = next(one for one in reversed(paths) if paths[one] == twice)
        raise DataError(f"{images[one][0]}: {shown(twice)} stands in images before it already. Give it one entry")
    people: dict[int, list[Entry]] = {one: [] for one in images}
    crowds = 0
    for image, entry in _people(path, content, people):
        crowds += entry is None
        if entry is not None:
            people[image].append(entry)
    return Sheet(
        path,
        {paths[one]: group for one, group in people.items()},
        {paths[one]: f"{path.name}: images[{number}] {shown(paths[one])}" for number, one in enumerate(images)},
        _splits(images, paths),
        form="xywh",
        box=BBOX,
        sizes={paths[one]: size for one, (_, entry) in images.items() if (size := _size(entry))},
        notes=tuple(_notes(content, crowds)),
    )


def _by_id(path: Path, content: dict[str, Any], name: str) -> dict[int, tuple[str, Any]]:
    """id -> place and entry. Raises: DataError."""
    found: dict[int, tuple[str, Any]] = {}
    for number, entry in enumerate(_json.entries(path, content, name)):
        place = f"{path}: {name}[{number}]"
        identity = _json.whole(place, entry, "id")
        if identity in found:
            raise DataError(f"{place}: one of {name} before it has the same id {str(identity)[:30]}")
        found[identity] = place, entry
    return found


def _people(path: Path, content: dict[str, Any], images: dict[int, list[Entry]]) -> Iterator[tuple[int, Entry | None]]:
    """Image id and person, in the order in which people first stand; None for a crowd. Raises: DataError."""
    categories = _categories(path, content)
    found: dict[tuple[int, tuple[float, ...]], Entry] = {}
    seen: dict[int, str] = {}
    for number, entry in enumerate(_json.entries(path, content, "annotations")):
        place = f"{path}: annotations[{number}]"
        image = _json.whole(place, entry, "image_id")
        if image not in images:
            raise DataError(f"{place}: no image has the id that its image_id names, {str(image)[:30]}")
        if "id" in entry and (first := seen.setdefault(_json.whole(place, entry, "id"), place)) != place:
            raise DataError(f"{place}: has the id of {first.rpartition(' ')[2]}, {str(entry['id'])[:30]}")
        if entry.get("iscrowd"):
            yield image, None
            continue
        one = _entry(place, f"{path.name}: annotations[{number}]", entry, categories)
        before = found.get((image, one.box))
        found[image, one.box] = _joined(before, one) if before else one
    for (image, _), one in found.items():
        yield image, one


def _categories(path: Path, content: dict[str, Any]) -> dict[int, str]:
    found = _by_id(path, content, "categories")
    names = {one: _json.text(place, entry, "name").strip() for one, (place, entry) in found.items()}
    if strange := [one for one, name in names.items() if not name or not name.isprintable()]:
        raise DataError(f"{found[strange[0]][0]}: name {names[strange[0]]!a} is no text of one line")
    if twice := _repeated(list(names.values())):
        raise DataError(f"{path}: categories: two have the name {twice!r}")
    return names


def _repeated(words: list[str]) -> str:
    """The first that stands twice; "" for none."""
    return next((word for word, number in Counter(words).items() if number > 1), "")


def _entry(place: str, short: str, entry: Any, categories: dict[int, str]) -> Entry:
    several = entry.get("category_ids")
    if several is None:
        several = [_json.whole(place, entry, "category_id")]
    if not isinstance(several, list):
        raise DataError(f"{place}: category_ids is not a list")
    for one in several:
        if isinstance(one, bool) or not isinstance(one, int) or one not in categories:
            raise DataError(f"{place}: no category has the id {str(one)[:30]!r}")
    valence, arousal, dominance = (rating(place, name, _number(place, entry, name)) for name in VAD)
    labels = tuple(dict.fromkeys(categories[one] for one in several))
    gender, age = (str(entry.get(name) or "") for name in ("gender", "age"))
    return Entry(place, short, _bbox(place, entry), labels, (valence, arousal, dominance), gender, age)


def _bbox(place: str, entry: Any) -> tuple[float, ...]:
    if (found := entry.get("bbox")) is None:
        return ()
    if not isinstance(found, list) or len(found) != 4 or not all(map(_json.is_number, found)):
        raise DataError(f"{place}: bbox {str(found)[:60]} is not four finite numbers")
    return tuple(map(float, found))


def _number(place: str, entry: Any, name: str) -> float:
    if (found := entry.get(name)) is None:
        return math.nan
    if not _json.is_number(found):
        raise DataError(f"{place}: {name} {str(found)[:60]!r} is not a finite number")
    return float(found)


def _joined(first: Entry, other: Entry) -> Entry:
    """One person told by two annotations. Raises: DataError when they tell the same, or not the same, of more."""
    if again := [label for label in other.labels if label in first.labels]:
        before = first.place.rpartition(" ")[2]
        raise DataError(f"{other.place}: stands in {before} already, with the same box and category {again[0]!r}")
    if repr((first.vad, first.gender, first.age)) != repr((other.vad, other.gender, other.age)):
        before = first.place.rpartition(" ")[2]
        raise DataError(f"{other.place}: has the box of {before}, and another VAD, gender or age")
    return replace(first, labels=(*first.labels, *other.labels))


def _splits(images: dict[int, tuple[str, Any]], paths: dict[int, str]) -> dict[str, str]:
    """Path -> split; {} where no image has one. Raises: DataError."""
    told = {one: entry.get("split") for one, (_, entry) in images.items()}
    if not any(told.values()):
        return {}
    for one, split in told.items():
        if split not in SPLITS:
            raise DataError(f"{images[one][0]}: split {str(split)[:30]!r} is none.{nearest(str(split), SPLITS)}")
    return {paths[one]: str(split) for one, split in told.items()}


def _size(entry: Any) -> tuple[int, int] | None:
    width, height = entry.get("width"), entry.get("height")
    return (int(width), int(height)) if _json.is_number(width) and _json.is_number(height) else None


def _notes(content: dict[str, Any], crowds: int) -> list[str]:
    notes = [f"annotations of crowds (iscrowd), left out: {crowds}"] if crowds else []
    fields = dict.fromkeys(name for entry in content["annotations"] for name in entry)
    if unread := [name for name in fields if name not in (*READ, *USUAL)]:
        notes.append(f"fields of annotations that are not read: {', '.join(map(shown, unread))[:300]}")
    return notes
