"""EMOTIC: people in everyday photographs, 26 discrete categories and valence, arousal, dominance.

Origin: Kosti et al., CVPR 2017 and PAMI 2019, from the authors on request (licence: research only).
Layout: `<root>/Annotations/Annotations.mat` and `<root>/emotic/<folder>/<filename>`, or the image folders right in
the root. Keys are the path below the image folders' parent: `mscoco/images/x.jpg#0`, in both layouts.
Without a .mat, files for single splits in Annotations/, emotic_pre/ or the root: the CSV of a public converter
(_emotic_csv) or COCO-style JSON with head boxes (_emotic_coco).
Counts: CVPR'17 18,313 images with 23,788 people; PAMI'19 23,571 with 34,320.
Every person stays in the manifest: one whose box, path or labels cannot be used has a status and the reason, and so
has one of an image that stands in another split too, which keeps it (test before val before train).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar, Final

import pipeline.dataset
from cache.errors import DataError
from cache.manifest import OUTSIDE_ROOT, Manifest, Row
from pipeline.datasets._emotic_files import MATS, Annotation, find
from pipeline.datasets._rows import Rows

CATEGORIES: Final = (
    *("Affection", "Anger", "Annoyance", "Anticipation", "Aversion", "Confidence", "Disapproval", "Disconnection"),
    *("Disquietment", "Doubt/Confusion", "Embarrassment", "Engagement", "Esteem", "Excitement", "Fatigue", "Fear"),
    *("Happiness", "Pain", "Peace", "Pleasure", "Sadness", "Sensitivity", "Suffering", "Surprise", "Sympathy"),
    "Yearning",
)
RELEASES: Final = {"CVPR'17": (18_313, 23_788), "PAMI'19": (23_571, 34_320)}
"""Images and people of the two releases that the literature mixes."""
USABLE: Final = {"CVPR'17": {"val": 2_397}, "PAMI'19": {"train": 23_266, "val": 3_315, "test": 7_203}}
"""People of a split that public converters keep, where known: DSCT's of CVPR'17, Tandon's of PAMI'19."""
NEAR: Final = 0.02
"""A release is recognised when its counts are within this share of its own."""
ANNOTATIONS: Final = MATS
FOLDER: Final = "emotic"


class Reader(pipeline.dataset.Reader):
    """The authors' Annotations.mat of either release, or what public converters made of it."""

    name: ClassVar[str] = "emotic"
    version: ClassVar[int] = 4
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        name: {
            "images": images,
            "people": people,
            **{f"usable people in {split}": number for split, number in USABLE[name].items()},
        }
        for name, (images, people) in RELEASES.items()
    }

    def annotation_files(self) -> list[Path]:
        """The .mat, or the files of the splits. Raises: DataError naming the path that was tried first."""
        return list(self._annotation().files.values())

    def read(self, source: str) -> Manifest:
        """One row per person, in the file's order, and one per image without people. Raises: DataError."""
        annotation = self._annotation()
        table = Rows(self.root, CATEGORIES, "body_bbox" if annotation.form == "mat" else "box")
        for image in annotation.images(CATEGORIES):
            table.add(image)
        rows = table.rows
        release = release_of(rows)
        return Manifest.from_rows(
            rows,
            dataset=self.name,
            release=release,
            category_names=CATEGORIES,
            source=source,
            folder=self._folder(row.image for row in rows if row.status != OUTSIDE_ROOT),
            notes=[*annotation.notes(), *table.notes(), *published(release, rows)],
        )

    def arrangement(self) -> str:
        """Whether the image folders lie in ``emotic/`` or right in the root, and which files are for which split."""
        annotation = self._annotation()
        files = [f"{split}={path.name}" for split, path in annotation.files.items() if split]
        return "\n".join([self._image_folder(), *files, *annotation.unread])

    def _annotation(self) -> Annotation:
        if found := find(self.root):
            return found
        cure = f"ROOT is the folder that holds Annotations/ and {FOLDER}/"
        raise DataError(f"{self.root / MATS[0]}: no such file, nor train, val or test as .csv or .json. {cure}")

    def _image_folder(self) -> str:
        return FOLDER if (self.root / FOLDER).is_dir() else ""

    def _folder(self, paths: Iterable[str]) -> str:
        if folder := self._image_folder():
            return folder
        tops = sorted({path.partition("/")[0] for path in paths})
        if any((self.root / top).exists() for top in tops):
            return ""
        cure = f"ROOT is the folder that holds Annotations/ and {FOLDER}/"
        raise DataError(f"{self.root}: holds neither {FOLDER}/ nor {' nor '.join(tops[:5])}. {cure}")


def release_of(rows: list[Row]) -> str:
    """Which release the counts of images and people tell, or ``unrecognised`` with the counts.

    The counts of the whole, or those of each split that is there as public converters keep them.
    """
    images, people = len({row.image for row in rows}), Counter(row.split for row in rows if row.person >= 0)
    for name, known in RELEASES.items():
        if _near({"images": images, "people": people.total()}, dict(zip(("images", "people"), known, strict=True))):
            return name
    for name, usable in USABLE.items():
        if _near(people, usable):
            return name
    return f"unrecognised ({images} images, {people.total()} people)"


def published(release: str, rows: list[Row]) -> list[str]:
    """The published counts to see ours beside: the release's or, of an unknown one that is no mere sample, of all."""
    least = min(min(usable.values()) for usable in USABLE.values())
    if release not in RELEASES and sum(row.person >= 0 for row in rows) < least * (1 - NEAR):
        return []
    notes = []
    for name in [release] if release in RELEASES else RELEASES:
        images, people = RELEASES[name]
        kept = ", ".join(f"{split} {number:,}" for split, number in USABLE[name].items())
        notes.append(f"published for {name}: {images:,} images, {people:,} people; public converters keep {kept}")
    return notes


def _near(counts: Mapping[str, int], known: Mapping[str, int]) -> bool:
    """Whether there are counts, and each is within NEAR of the known one."""
    return bool(counts) and all(
        abs(number - known.get(key, 0)) <= NEAR * known.get(key, 0) for key, number in counts.items()
    )
