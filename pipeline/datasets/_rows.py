"""The manifest's rows as images are added, and what is to be said of all of them."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from cache.errors import DataError, nearest
from cache.manifest import BAD_BOX, NO_LABEL, NO_PERSON, OK, OTHER_SPLIT, OUTSIDE_ROOT, SPLITS, TOO_SMALL, Row
from pipeline.datasets._people import Image, Person
from pipeline.decoding.boxes import too_small
from pipeline.decoding.paths import inside, refused

_MERGED: Final = {"combined_categories": "union", "combined_continuous": "mean"}

Box = tuple[float, float, float, float]


class Rows:
    """One row per person in the order of ``add``, and one per image without people.

    An image that stands in several splits is kept by test before val, and by val before train: a head must not be
    trained on, or chosen by, an image that it is tested on. Usable people of its other splits become OTHER_SPLIT.
    root: the dataset's. vocabulary: the categories there are. box_name: what the annotation calls a box.
    """

    def __init__(self, root: Path, vocabulary: Collection[str], box_name: str = "box") -> None:
        self._rows: list[Row] = []
        self._root, self._vocabulary, self._box_name = root, frozenset(vocabulary), box_name
        self._people: dict[str, int] = {}
        self._splits: dict[str, str] = {}
        self._repeated: list[str] = []
        self._leaked: dict[str, str] = {}
        self._merged: Counter[tuple[str, str]] = Counter()
        self._clamped = 0

    @property
    def rows(self) -> list[Row]:
        """The rows of all images so far."""
        return [self._kept(row) for row in self._rows]

    def add(self, image: Image) -> None:
        """Raises: DataError for a category that is not in the vocabulary."""
        try:
            path, fault = inside(self._root, image.path), ""
        except DataError:
            path, fault = refused(image.path), f"{image.place}: its path leads out of the dataset's folder"
        first = self._number(path, image)
        for number, person in enumerate(image.people, start=first):
            self._rows.append(self._row(path, fault, number, image, person))
        if not image.people and path not in self._people:
            status, reason = (OUTSIDE_ROOT, fault) if fault else (NO_PERSON, "the annotation names no person")
            self._rows.append(Row(path, -1, image.split, size=image.size, status=status, reason=reason))
        self._people[path] = first + len(image.people)

    def notes(self) -> list[str]:
        """What happened to labels, boxes and images, one line each."""
        notes = [
            f"{split}: no {part}, so the {_MERGED[part]} over the annotators is used; people: {number}"
            for (split, part), number in self._merged.items()
        ]
        if self._clamped:
            notes.append(f"boxes that reached out of their images, clamped (the originals are kept): {self._clamped}")
        if self._repeated:
            notes.append(f"images that stand again: {len(self._repeated)}, first {self._repeated[0]}")
        if self._leaked:
            lost = sum(row.status == OTHER_SPLIT for row in self.rows)
            first = next(iter(self._leaked.values()))
            rule = f"people left out as {OTHER_SPLIT} (test keeps an image before val, val before train): {lost}"
            notes.append(f"images that stand in two splits: {len(self._leaked)}, first {first}; {rule}")
        return notes

    def _number(self, path: str, image: Image) -> int:
        """The number of the image's first person; people of an image that stands twice are numbered on."""
        if path in self._people:
            self._repeated.append(image.place)
            if self._splits[path] != image.split:
                self._leaked.setdefault(path, f"{image.place} (also in {self._splits[path]})")
        self._splits[path] = max(self._splits.get(path, image.split), image.split, key=SPLITS.index)
        return self._people.get(path, 0)

    def _kept(self, row: Row) -> Row:
        """``row``, no longer usable when another split keeps its image."""
        keeper = self._splits[row.image]
        if row.status != OK or row.split == keeper:
            return row
        reason = f"the image is also in {keeper}, which keeps it"
        return replace(row, status=OTHER_SPLIT, reason="; ".join(filter(None, (reason, row.reason))))

    def _row(self, path: str, fault: str, number: int, image: Image, person: Person) -> Row:
        if strange := [word for word in person.categories if word not in self._vocabulary]:
            known = nearest(strange[0], self._vocabulary)
            raise DataError(f"{person.place}: unknown category {strange[0]!r}.{known}")
        self._merged.update((image.split, part) for part in person.merged)
        box, wrong = (None, image.fault) if image.fault else clamped(person.box, image.size, self._box_name)
        original = _float32(person.box)
        self._clamped += box is not None and box != original
        status = image.status if image.fault else BAD_BOX if wrong else OK
        if box and (wrong := too_small(box)):
            status = TOO_SMALL
        status, reasons = _status(fault, status, wrong, person, image.remarks)
        return Row(
            image=path,
            person=number,
            split=image.split,
            box=box or (math.nan,) * 4,
            original_box=original,
            size=image.size,
            categories=person.categories,
            vad=person.vad,
            gender=person.gender.encode(errors="replace").decode(),
            age=person.age.encode(errors="replace").decode(),
            status=status,
            reason="; ".join(reasons),
            extra=person.extra,
        )


def clamped(box: tuple[float, ...], size: tuple[int, int], name: str = "box") -> tuple[Box | None, str]:
    """``box`` (xyxy pixels) cut to an image of ``size`` (width, height), in float32; or None and what is wrong."""
    if len(box) != 4:
        return None, f"{name} has {len(box)} numbers, not 4"
    shown = f"box {[round(value, 2) if math.isfinite(value) else value for value in box]}"
    if not all(map(_is_float32, box)):
        return None, f"{shown} is not four finite numbers"
    x1, y1, x2, y2 = struct.unpack("4f", struct.pack("4f", *box))
    if x1 >= x2 or y1 >= y2:
        return None, f"{shown} is reversed or has no area"
    width, height = size
    if not (width and height):
        return None, "the annotation gives no usable image size"
    x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
    if x1 >= x2 or y1 >= y2:
        return None, f"{shown} lies outside the image ({width} x {height})"
    return (x1, y1, x2, y2), ""


def _is_float32(value: float) -> bool:
    return math.isfinite(value) and abs(value) < 3e38


def _status(fault: str, status: str, wrong: str, person: Person, remarks: tuple[str, ...]) -> tuple[str, list[str]]:
    """fault: of the path. status, wrong: of the box, or of the image that it lies in."""
    unlabelled = "" if person.categories else "no categories"
    reasons = [text for text in (fault, wrong, unlabelled, ", ".join((*person.remarks, *remarks))) if text]
    return OUTSIDE_ROOT if fault else status if status != OK else NO_LABEL if unlabelled else OK, reasons


def _float32(box: tuple[float, ...]) -> Box:
    """As annotated, in float32; what float32 cannot hold is NaN, and so is all of a box that is not four numbers."""
    values = box if len(box) == 4 else (math.nan,) * 4
    x1, y1, x2, y2 = struct.unpack("4f", struct.pack("4f", *(v if _is_float32(v) else math.nan for v in values)))
    return (x1, y1, x2, y2)
