"""What the header of a table of one's own means: names that others use for the same columns, and all other columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Final, NamedTuple

from cache.errors import DataError, shown
from pipeline.datasets._people import VAD

BOX: Final = ("x1", "y1", "x2", "y2")
OPTIONAL: Final = ("split", *VAD, "gender", "age")
COLUMNS: Final = ("image", *BOX, "labels", *OPTIONAL)
ALSO: Final = {
    "image": ("filename", "file_name", "file", "path", "image_path"),
    "labels": ("label", "emotion", "emotions", "class", "category"),
}
"""Names under which others have a column; one of them is understood where the column itself is not there."""
BOXES: Final = (
    BOX,
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
)
_BOX_WORD: Final = re.compile(r"(b|bnd|bounding)?box(es)?|rect(angle)?|bbox.*")
_SIDE_WORD: Final = re.compile(
    r"left|top|right|bottom|[xy]([012]|min|max|start|end|c|left|right|top|bottom|cent(er|re))"
    r"|(min|max|start|end|c|cent(er|re))[xy]"
)
"""Names that others have for a box, and for one of its numbers."""
_MIDDLE: Final = {axis: re.compile(rf"c{axis}|{axis}_?c|{axis}_?cent(er|re)|cent(er|re)_?{axis}") for axis in "xy"}
"""Names that others have for a box's middle."""
SPLIT_WORDS: Final = frozenset(("train", "training", "val", "valid", "validation", "dev", "test", "testing"))
"""What others call the parts of a data set."""
ALIKE: Final = 0.8
"""From this likeness on (difflib's ratio, with the same first letter) a column is taken for a misspelt one."""


class Header(NamedTuple):
    """names: column as written -> as it is called here. box: the box's columns as called here, () for none. extent:
    whether the last two of them are width and height. extra: all other columns. notes: what was understood."""

    names: dict[str, str]
    box: tuple[str, ...]
    extent: bool
    extra: tuple[str, ...]
    notes: tuple[str, ...]


def understood(path: Path, columns: Sequence[str]) -> Header:
    """Raises: DataError for a column that may be meant for another, for two that may be the same, for part of a box."""
    names = {column: column.casefold() for column in columns if column.casefold() in COLUMNS}
    names |= {column: column for column in columns if column in COLUMNS}
    for name, others in ALSO.items():
        if name in names.values():
            continue
        found = [column for column in columns if column.casefold() in others]
        if len(found) > 1:
            text = f"columns {found[0]!r} and {found[1]!r} may both be the {name}"
            raise DataError(f"{path}:1: {text}. Call the one that is meant {name!r}")
        names |= dict.fromkeys(found, name)
    box = _box(path, columns)
    names |= {column: column.casefold() for column in columns if column.casefold() in box}
    unread = [column for column in columns if column not in names]
    for column in unread:
        _ask(path, column, set(OPTIONAL) - set(names.values()))
    if not box and (like := _like_boxes(unread)):
        text = f"{', '.join(map(shown, like))[:200]} may be the box, and so named they are not read"
        cure = "Call a box's columns x1, y1, x2, y2, or x, y, width, height; take out what is none"
        raise DataError(f"{path}:1: columns {text}. {cure}")
    return Header(names, box, box[2:3] in (("w",), ("width",)), tuple(unread), tuple(_notes(names, unread)))


def _box(path: Path, columns: Sequence[str]) -> tuple[str, ...]:
    there = {column.casefold() for column in columns}
    whole = [box for box in BOXES if there.issuperset(box)]
    if whole:
        if len(whole) > 1 and whole[0] != BOX:
            text = f"{', '.join(whole[0])} and {', '.join(whole[1])} may both be the box"
            raise DataError(f"{path}:1: columns {text}. Call those that are meant x1, y1, x2, y2")
        return whole[0]
    _check_middle(path, columns)
    for box, telling in ((BOX, 1), (BOXES[1], 1), (BOXES[3], 2)):  # an x alone may be anything's
        if len(there.intersection(box)) >= telling:
            absent = [name for name in box if name not in there]
            raise DataError(f"{path}:1: has no column {absent[0]!r}. A box is {', '.join(box)}")
    return ()


def _check_middle(path: Path, columns: Sequence[str]) -> None:
    """Raises: DataError for the middle of a box beside its width and height."""
    x, y = (next((one for one in columns if _MIDDLE[axis].fullmatch(one.casefold())), "") for axis in "xy")
    extent = (("w", "width"), ("h", "height"))
    wide, high = (next((one for one in columns if one.casefold() in words), "") for words in extent)
    if x and y and wide and high:
        text = f"columns {x!r} and {y!r} tell a box's middle, which is not read"
        cure = f"Write x = {x} - {wide} / 2 and y = {y} - {high} / 2 in columns x, y"
        raise DataError(f"{path}:1: {text}. {cure}")


def _ask(path: Path, column: str, absent: set[str]) -> None:
    """Raises: DataError for a column that looks like one of those ``absent``."""
    word = column.casefold()
    for name in sorted(absent):
        if word[:1] == name[0] and SequenceMatcher(None, word, name).ratio() >= ALIKE:
            cure = f"Did you mean {name!r}? Rename it, or take it out"
            raise DataError(f"{path}:1: unknown column {column!r}. {cure}")


def _like_boxes(columns: Sequence[str]) -> list[str]:
    """Those that look like a box, or like two or more of its numbers: a ``top`` alone may be anything's."""
    words = {column: re.findall(r"[^\W_]+", column.casefold()) for column in columns}
    boxes = [column for column, found in words.items() if any(map(_BOX_WORD.fullmatch, found))]
    sides = [column for column, found in words.items() if any(map(_SIDE_WORD.fullmatch, (*found[-1:], "".join(found))))]
    return boxes or (sides if len(sides) > 1 else [])


def check_splits(path: Path, values: Mapping[str, Collection[str]]) -> None:
    """For a table without a column split. values: what stands in each of its columns that are not read.

    Raises: DataError for one that holds nothing but names of splits: its images would be drawn anew.
    """
    for column, texts in values.items():
        told = {text.casefold() for text in texts if text}
        if told and told <= SPLIT_WORDS:
            text = f"column {shown(column)!r} holds nothing but {', '.join(sorted(told))}, and none is called split"
            raise DataError(f"{path}:1: {text}. Call it split, with train, val and test in it, or take it out")


def _notes(names: dict[str, str], unread: Sequence[str]) -> list[str]:
    notes = []
    if taken := [f"{shown(column)} as {name}" for column, name in names.items() if column != name]:
        notes.append(f"columns read under other names: {', '.join(taken)}")
    if unread:
        notes.append(f"other columns, taken along as they are: {', '.join(map(shown, unread))[:300]}")
    return notes
