"""EMOTIC: people in everyday photographs, 26 discrete categories and valence, arousal, dominance.

Origin: Kosti et al., CVPR 2017 and PAMI 2019, from the authors on request (licence: research only).
Layout: `<root>/Annotations/Annotations.mat` and `<root>/emotic/<folder>/<filename>`, or the image folders right in
the root. Keys are the path below the image folders' parent: `mscoco/images/x.jpg#0`, in both layouts.
Counts: CVPR'17 18,313 images with 23,788 people; PAMI'19 23,571 with 34,320.
Every person stays in the manifest: one whose box, path or labels cannot be used has a status and the reason.
"""

from __future__ import annotations

import math
import os
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Final

import pipeline.dataset
from cache.errors import DataError, nearest
from cache.manifest import BAD_BOX, NO_LABEL, NO_PERSON, OK, OUTSIDE_ROOT, Manifest, Row
from pipeline.datasets._emotic_mat import Image, Person, images
from pipeline.paths import inside, refused

CATEGORIES: Final = (
    *("Affection", "Anger", "Annoyance", "Anticipation", "Aversion", "Confidence", "Disapproval", "Disconnection"),
    *("Disquietment", "Doubt/Confusion", "Embarrassment", "Engagement", "Esteem", "Excitement", "Fatigue", "Fear"),
    *("Happiness", "Pain", "Peace", "Pleasure", "Sadness", "Sensitivity", "Suffering", "Surprise", "Sympathy"),
    "Yearning",
)
RELEASES: Final = {"CVPR'17": (18_313, 23_788), "PAMI'19": (23_571, 34_320)}
"""Images and people of the two releases that the literature mixes."""
NEAR: Final = 0.02
"""A release is recognised when both counts are within this share of its own."""
ANNOTATIONS: Final = (
    "Annotations/Annotations.mat",
    "annotations/Annotations.mat",
    "annotations/annotations.mat",
    "Annotations.mat",
)
FOLDER: Final = "emotic"
_NAMES: Final = frozenset(CATEGORIES)
_MERGED: Final = {"combined_categories": "union", "combined_continuous": "mean"}

Box = tuple[float, float, float, float]


class Reader(pipeline.dataset.Reader):
    """The authors' Annotations.mat, of either release."""

    name: ClassVar[str] = "emotic"
    version: ClassVar[int] = 1

    def annotation_files(self) -> list[Path]:
        """The one .mat. Raises: DataError naming the path that was tried first."""
        for name in ANNOTATIONS:
            if (path := self.root / name).is_file():
                if not os.access(path, os.R_OK):
                    raise DataError(f"{path}: no permission to read it")
                return [path]
        cure = f"ROOT is the folder that holds Annotations/ and {FOLDER}/"
        raise DataError(f"{self.root / ANNOTATIONS[0]}: no such file. {cure}")

    def read(self, source: str) -> Manifest:
        """One row per person, in the file's order, and one per image without people. Raises: DataError."""
        mat = self.annotation_files()[0]
        table = _Table(self.root, mat)
        for image in images(mat):
            table.add(image)
        return Manifest.from_rows(
            table.rows,
            dataset=self.name,
            release=release_of(table.rows),
            category_names=CATEGORIES,
            source=source,
            folder=self._folder(row.image for row in table.rows if row.status != OUTSIDE_ROOT),
            notes=table.notes(),
        )

    def arrangement(self) -> str:
        """Whether the image folders lie in ``emotic/`` or right in the root."""
        return FOLDER if (self.root / FOLDER).is_dir() else ""

    def _folder(self, paths: Iterable[str]) -> str:
        if folder := self.arrangement():
            return folder
        tops = sorted({path.partition("/")[0] for path in paths})
        if any((self.root / top).exists() for top in tops):
            return ""
        cure = f"ROOT is the folder that holds Annotations/ and {FOLDER}/"
        raise DataError(f"{self.root}: holds neither {FOLDER}/ nor {' nor '.join(tops[:5])}. {cure}")


def release_of(rows: list[Row]) -> str:
    """Which release the counts of images and people tell, or ``unrecognised`` with the counts."""
    counts = len({row.image for row in rows}), sum(row.person >= 0 for row in rows)
    for name, known in RELEASES.items():
        if all(abs(count - right) <= NEAR * right for count, right in zip(counts, known, strict=True)):
            return name
    return f"unrecognised ({counts[0]} images, {counts[1]} people)"


def clamped(box: tuple[float, ...], size: tuple[int, int]) -> tuple[Box | None, str]:
    """``box`` (xyxy pixels) cut to an image of ``size`` (width, height), in float32; or None and what is wrong."""
    if len(box) != 4:
        return None, f"body_bbox has {len(box)} numbers, not 4"
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


class _Table:
    """Rows as they are added, and what is to be said of all of them. Faults of the file name it by ``mat``."""

    def __init__(self, root: Path, mat: Path) -> None:
        self.rows: list[Row] = []
        self._root, self._mat = root, mat
        self._people: dict[str, int] = {}
        self._splits: dict[str, str] = {}
        self._repeated: list[str] = []
        self._leaked: list[str] = []
        self._merged: Counter[tuple[str, str]] = Counter()
        self._clamped = self._labelled = 0

    def add(self, image: Image) -> None:
        """Raises: DataError for a category that EMOTIC does not have."""
        try:
            path, fault = inside(self._root, image.path), ""
        except DataError:
            path, fault = refused(image.path), f"{image.place}: its path leads out of the dataset's folder"
        first = self._number(path, image)
        for number, person in enumerate(image.people):
            self.rows.append(self._row(path, fault, first + number, image, person, number + 1))
        if not image.people and path not in self._people:
            status, reason = (OUTSIDE_ROOT, fault) if fault else (NO_PERSON, "the annotation names no person")
            self.rows.append(Row(path, -1, image.split, size=image.size, status=status, reason=reason))
        self._people[path] = first + len(image.people)

    def notes(self) -> list[str]:
        """Raises: DataError when nobody has a field of categories: then it is not EMOTIC's file."""
        if not self._labelled:
            fields = "annotations_categories or combined_categories"
            raise DataError(f"{self._mat}: no person has the field {fields}, which EMOTIC's annotation has")
        notes = [
            f"{split}: no {part}, so the {_MERGED[part]} over the annotators is used; people: {number}"
            for (split, part), number in self._merged.items()
        ]
        if self._clamped:
            notes.append(f"boxes that reached out of their images, clamped (the originals are kept): {self._clamped}")
        if self._repeated:
            notes.append(f"images that stand again: {len(self._repeated)}, first {self._repeated[0]}")
        if self._leaked:
            notes.append(f"images that stand in two splits: {len(self._leaked)}, first {self._leaked[0]}")
        return notes

    def _number(self, path: str, image: Image) -> int:
        """The number of the image's first person; people of an image that stands twice are numbered on."""
        if path in self._people:
            self._repeated.append(image.place)
            if self._splits[path] != image.split:
                self._leaked.append(f"{image.place} (also in {self._splits[path]})")
        self._splits.setdefault(path, image.split)
        return self._people.get(path, 0)

    def _row(self, path: str, fault: str, number: int, image: Image, person: Person, nth: int) -> Row:
        where = f"{self._mat}: {image.place} person({nth})"
        if strange := [word for word in person.categories if word not in _NAMES]:
            raise DataError(f"{where}: unknown category {strange[0]!r}.{nearest(strange[0], CATEGORIES)}")
        self._labelled += person.labelled
        self._merged.update((image.split, part) for part in person.merged)
        box, wrong = clamped(person.box, image.size)
        original = _float32(person.box)
        self._clamped += box is not None and box != original
        status, reasons = _status(fault, wrong, person)
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
        )


def _status(fault: str, wrong: str, person: Person) -> tuple[str, list[str]]:
    unlabelled = "" if person.categories else "no categories"
    reasons = [text for text in (fault, wrong, unlabelled, ", ".join(person.remarks)) if text]
    status = OUTSIDE_ROOT if fault else BAD_BOX if wrong else NO_LABEL if unlabelled else OK
    return status, reasons


def _float32(box: tuple[float, ...]) -> Box:
    """As annotated, in float32; what float32 cannot hold is NaN, and so is all of a box that is not four numbers."""
    values = box if len(box) == 4 else (math.nan,) * 4
    x1, y1, x2, y2 = struct.unpack("4f", struct.pack("4f", *(v if _is_float32(v) else math.nan for v in values)))
    return (x1, y1, x2, y2)
