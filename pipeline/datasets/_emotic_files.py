"""Which of EMOTIC's annotation files lie in a root, and in which form; what each form says beside its images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from cache.errors import DataError, shown
from cache.manifest import SPLITS
from pipeline.datasets import _emotic_coco, _emotic_csv, _emotic_mat
from pipeline.datasets._csv import Table, read_csv, repeats
from pipeline.datasets._people import Image

MATS: Final = (
    "Annotations/Annotations.mat",
    "annotations/Annotations.mat",
    "annotations/annotations.mat",
    "Annotations.mat",
)
FOLDERS: Final = ("Annotations", "annotations", "emotic_pre", "")
"""Where files for single splits may lie. emotic_pre: where the converter to CSV puts them."""
FORMS: Final = {"mat": "the .mat", "csv": "CSV", "json": "COCO-style JSON"}
"""In the order in which they are taken: the fuller first."""
_NOTES: Final = {
    "csv": "people without labels, without VAD or of an image that the converter could not read are not in it",
    "json": "boxes are HEAD boxes, so features of `body` show heads; no VAD, gender or age; people without a usable "
    "head box or image are not in it",
}


@dataclass(frozen=True)
class Annotation:
    """The files of one form. form: a key of FORMS. files: split -> path; of the .mat, which holds all, "" -> path.
    unread: other annotations that lie there, and all other CSV and JSON files beside those of the form, relative to
    the root."""

    form: str
    files: dict[str, Path]
    unread: tuple[str, ...]

    def images(self, categories: Sequence[str]) -> Iterator[Image]:
        """Every image in the files' order. Raises: DataError naming file, place and what is wrong."""
        if self.form == "mat":
            return _emotic_mat.images(self.files[""])
        if self.form == "csv":
            return _emotic_csv.images(self._tables)
        return _emotic_coco.images(self.files, categories)

    def notes(self) -> list[str]:
        """What the form leaves out, and which files were not read."""
        notes = []
        if self.form in _NOTES:
            names = ", ".join(path.name for path in self.files.values())
            notes.append(f"read from {FORMS[self.form]} ({names}): {_NOTES[self.form]}")
            if absent := [split for split in SPLITS if split not in self.files]:
                notes.append(f"splits without a file: {', '.join(absent)}")
            notes += [note for table in self._tables.values() for note in repeats(table, ("Index",))]
        if self.unread:
            notes.append(f"only {FORMS[self.form]} was read; also there: {', '.join(map(shown, self.unread))}")
        return notes

    @cached_property
    def _tables(self) -> dict[str, Table]:
        csv = self.files if self.form == "csv" else {}
        return {split: read_csv(path, _emotic_csv.COLUMNS) for split, path in csv.items()}


def find(root: Path) -> Annotation | None:
    """The annotation that lies in ``root``: the .mat, else CSV files, else JSON files for one or more splits.

    A split's file has the split's name as a word of its own: val.csv, emotic_val.csv, val_bi.json.
    Raises: DataError when one cannot be read or one folder has two files for one split.
    """
    mats = _distinct(root / name for name in MATS if (root / name).is_file())
    groups = [{"mat": [("", mat)]} for mat in mats] + [
        _in_folder(one) for one in _distinct(map(root.joinpath, FOLDERS))
    ]
    form = next((form for form in FORMS if any(form in group for group in groups)), None)
    if form is None:
        return None
    taken = next(group[form] for group in groups if form in group)
    files = dict(sorted(taken, key=lambda one: SPLITS.index(one[0]) if one[0] else 0))
    for split, path in taken:
        if path != files[split]:
            raise DataError(f"{path.parent}: {path.name} and {files[split].name} are both for {split}. Keep one there")
        if not os.access(path, os.R_OK):
            raise DataError(f"{path}: no permission to read it")
    others = {path for group in groups for part in group.values() for _, path in part} - set(files.values())
    others |= set(_tables_in(taken[0][1].parent)) - set(files.values())
    return Annotation(form, files, tuple(sorted(path.relative_to(root).as_posix() for path in others)))


def _distinct(paths: Iterable[Path]) -> list[Path]:
    """Those that are there, each once: names that differ in case may be one file or folder."""
    found: dict[tuple[int, int], Path] = {}
    for path in paths:
        with suppress(OSError):
            about = path.stat()
            found.setdefault((about.st_dev, about.st_ino), path)
    return list(found.values())


def _in_folder(folder: Path) -> dict[str, list[tuple[str, Path]]]:
    """form -> the files of splits, in the order of their names."""
    found: dict[str, list[tuple[str, Path]]] = {}
    for path in _tables_in(folder):
        words = re.split(r"[^a-z0-9]+", path.stem.lower())
        named = [split for split in SPLITS if split in words]
        if len(named) == 1:
            found.setdefault(path.suffix.lower().removeprefix("."), []).append((named[0], path))
    return found


def _tables_in(folder: Path) -> list[Path]:
    """The CSV and JSON files in ``folder``, by name; none where there is no such folder."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if path.suffix.lower() in (".csv", ".json") and path.is_file()]
