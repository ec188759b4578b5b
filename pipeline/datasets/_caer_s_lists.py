"""Lists of faces that public code for CAER-S uses: train.txt and test.txt, lines of ``path,label,x1,y1,x2,y2``.

No header; the label counts CATEGORIES from 0; corners are pixels. A path begins with ``train/`` or right with the
class's folder, Anger or Angry, whatever the folder on the disk is called. Real lists leave out images (about 1,000 of
train), and name some corners the wrong way round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from cache.errors import DataError
from pipeline.datasets._caer_s_images import CATEGORIES, FOLDERS, File, file_of
from pipeline.decoding.paths import inside

LARGEST: Final = 1 << 28
"""Bytes of a list; 69,000 lines take 3 MB."""
FORM: Final = "relpath,label,x1,y1,x2,y2"
_NUMBER: Final = re.compile(r"[+-]?\d{1,9}(\.\d{1,9})?", re.ASCII)

Box = tuple[float, float, float, float]


class Refused(NamedTuple):
    """A line whose path is none inside the root."""

    place: str
    named: str
    split: str
    label: str


@dataclass
class Lists:
    """boxes: image's path -> its box as written. absent: images that are named and not there. turned, repeated:
    places of lines whose corners were the wrong way round, and of those that name an image again."""

    boxes: dict[str, Box] = field(default_factory=dict)
    absent: list[File] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


def list_files(root: Path) -> tuple[Path, ...]:
    """train.txt and test.txt in the root; none when neither is there. Raises: DataError when only one is."""
    paths = [root / f"{split}.txt" for split in FOLDERS]
    there = [path for path in paths if path.is_file()]
    if len(there) == 1:
        missing = next(path for path in paths if path not in there)
        raise DataError(f"{there[0]} lists faces, {missing} is not there. Add it, or move the first away")
    return tuple(there)


def read_lists(root: Path, images: Sequence[File]) -> Lists:
    """The boxes of ``images``. Raises: DataError naming file and line."""
    known = {image.path for image in images}
    places = {(image.split, image.label, image.rest): image.path for image in reversed(images)}
    lists = Lists()
    for split, path in zip(FOLDERS, list_files(root), strict=True):
        for number, named, label, box in _lines(path):
            place = f"{path.name}:{number}"
            try:
                normal = inside(root, named)
            except DataError:
                lists.refused.append(Refused(place, named, split, label))
                continue
            file = _file(f"{path}:{number}", normal, split, label)
            if file.path not in known:  # the folder on the disk may be called Angry where the list says Anger
                file = file._replace(path=places.get((split, label, file.rest), file.path))
            _take(lists, file, box, place, file.path in known)
    return lists


def ordered(box: Box) -> Box:
    """xyxy of the two corners that ``box`` names."""
    x1, y1, x2, y2 = box
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _take(lists: Lists, file: File, box: Box, place: str, there: bool) -> None:
    if file.path in lists.boxes:
        lists.repeated.append(place)
        return
    lists.boxes[file.path] = box
    if ordered(box) != box:
        lists.turned.append(place)
    if not there:
        lists.absent.append(file)


def _file(place: str, named: str, split: str, label: str) -> File:
    """What a line names. Raises: DataError when it is of another split or class than the line says."""
    first = named.partition("/")[0]
    if first in FOLDERS and first != split:
        raise DataError(f"{place}: names {named!r} in the list of {split}")
    file = file_of(named if first == split else f"{split}/{named}")
    if file is None or file.label != label:
        numbers = ", ".join(f"{number} {name}" for number, name in enumerate(CATEGORIES))
        raise DataError(f"{place}: {named!r} is not in a folder of its label, {label}. Labels are {numbers}")
    return file


def _lines(path: Path) -> Iterator[tuple[int, str, str, Box]]:
    """Number, path, class and corners of each line that is not blank."""
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        place, fields = f"{path}:{number}", [part.strip() for part in line.rsplit(",", 5)]
        if len(fields) != 6:
            raise DataError(f"{place}: has {len(fields)} fields. A line is {FORM}, without a header")
        named, label, *corners = fields
        if len(label) != 1 or label not in "0123456":
            raise DataError(f"{place}: label {label[:40]!r} is none of 0 to 6. A line is {FORM}, without a header")
        if strange := [text for text in corners if not _NUMBER.fullmatch(text)]:
            raise DataError(f"{place}: {strange[0][:40]!r} is not a number of pixels. A line is {FORM}")
        x1, y1, x2, y2 = map(float, corners)
        yield number, named, CATEGORIES[int(label)], (x1, y1, x2, y2)


def _text(path: Path) -> str:
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise DataError(f"{path}: {size} bytes, over the cap of {LARGEST}. Is it the list of faces?")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not UTF-8 text. Is it the list of faces?") from None
