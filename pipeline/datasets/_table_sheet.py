"""What a table of one's own says, in whichever form of file: the common ground of its readers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cache.errors import DataError
from pipeline.datasets._headers import Header
from pipeline.decoding.box_forms import FORMS, Numbers, crowded, doubt, has_extent, is_share, to_xyxy


@dataclass(frozen=True)
class Entry:
    """One person.

    place, short: where it stands, for errors and for notes. box: four numbers as written, () for the whole image.
    vad: 1..10, NaN where unknown. extra: what else is said, by the file's own names.
    """

    place: str
    short: str
    box: tuple[float, ...]
    labels: tuple[str, ...]
    vad: tuple[float, float, float]
    gender: str = ""
    age: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """A file's content.

    images: path below the root -> its people, in the order of both in the file. places: path -> where the image first
    stands, for notes. splits: path -> split, {} where the file tells none. form: of the boxes, unless BOX says
    otherwise. box: what the file calls the four numbers. extent: whether the last two are told to be width and height.
    sizes: path -> width and height where the file tells them. notes: about the file.
    """

    path: Path
    images: dict[str, list[Entry]]
    places: dict[str, str]
    splits: dict[str, str]
    form: str
    box: tuple[str, ...]
    extent: bool = False
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def people(self) -> int:
        """Of all images."""
        return sum(map(len, self.images.values()))


def settled(sheet: Sheet, headers: dict[str, Header], word: str, asked: bool) -> tuple[str, list[str]]:
    """The form of the boxes, and notes on it.

    word: BOX, "" for what the file itself tells. asked: whether the user said it of this file: then it is not doubted,
    but where shares of an image are no shares. Raises: DataError naming the first box that cannot be meant so.
    """
    form = word or sheet.form
    if sheet.extent and not has_extent(form):
        cure = f"BOX={'normalised_xywh' if is_share(form) else 'xywh'}"
        text = f"the columns {', '.join(sheet.box)} are left, top, width, height, and BOX={form} is {FORMS[form]}"
        raise DataError(f"{sheet.path}:1: {text}. Say {cure}, or rename the columns")
    boxed = [(entry, path) for path, people in sheet.images.items() for entry in people if entry.box]
    boxes: Numbers = np.array([entry.box for entry, _ in boxed], np.float64).reshape(-1, 4)
    sizes: Numbers = np.array([headers[path].size for _, path in boxed], np.float64).reshape(-1, 2)
    if (not asked or is_share(form)) and (found := doubt(boxes, sizes, form)):
        entry = boxed[found.first][0]
        raise DataError(f"{entry.place}: box {_shown(entry.box)}: {found.text}. {found.cure}")
    for entry, _ in boxed:
        _check(sheet, entry, form)
    notes = [f"boxes are {form}: {FORMS[form]}"] if form != "xyxy" else []
    if not asked and crowded(boxes, sizes, form):
        text = f"the middles of all {len(boxes)} boxes lie in the upper left quarters of their images"
        notes.append(f"{text}, so that as xywh they would fit too: is it BOX=xywh? BOX=xyxy ends the question")
    return form, notes


def corners(entry: Entry, form: str, header: Header) -> tuple[float, ...]:
    """xyxy pixels; () for shares of an image of unknown size."""
    size = header.size
    if not entry.box:
        return (0.0, 0.0, *map(float, size)) if all(size) else ()
    return to_xyxy(entry.box, form, size) if all(size) or not is_share(form) else ()


def _check(sheet: Sheet, entry: Entry, form: str) -> None:
    """Raises: DataError for a box that is none in any image."""
    box, names = entry.box, sheet.box
    if has_extent(form):
        for name, value in zip(("width", "height"), box[2:], strict=True):
            if value <= 0:
                raise DataError(f"{entry.place}: box {_shown(box)}: its {name} {value:g} is not above 0")
        return
    for low, high in ((0, 2), (1, 3)):
        if box[low] >= box[high]:
            text = f"{names[low]}={box[low]:g} is not less than {names[high]}={box[high]:g}"
            other = "normalised_xywh" if is_share(form) else "xywh"
            cure = f"A box is {FORMS[form]}; BOX={other} reads {FORMS[other]}"
            raise DataError(f"{entry.place}: {text}. {cure}")


def _shown(box: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in box)
