"""BoLD: people in film clips, 26 categories by several annotators each, and valence, arousal, dominance.

Origin: Luo et al., "ARBEE: Towards Automated Recognition of Bodily Expression of Emotion In the Wild", IJCV 2020 (Body
Language Dataset), from the authors on request (research only).
Layout: `<root>/annotations/{train,val}.csv` and, where it is there, `test_meta.csv`; `<root>/videos/<video>`;
`<root>/joints/<video>` with `.npy` for its suffix. ROOT is the folder BOLD_public.
Tables: with or without a header: video, person_id, min_frame, max_frame, the share of annotators for each of the 26
categories in the dataset's own order, valence, arousal, dominance (1..10), gender, age, ethnicity,
annotation_confidence. test_meta.csv has no labels: its samples have the status no_label and features of their own.
A sample is of a category from a share of 0.5 on; the shares are the manifest's scores. One that reaches 0.5 nowhere is
usable all the same. Ethnicity and confidence are in `extras`.
Boxes: the smallest around the joints that are there (see pipeline.decoding.tracks); keys are
`videos/<video>#<person>@<first>-<last>`. Who has no joint in a sample's frames, or no file of joints, is
`bad_box`; joints that are not of all frames of a sample are told as its reason, and such samples counted.
Counts: 9,876 clips; 9,222, 1,153 and 2,864 samples in train, val and test.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final

import pipeline.dataset
from cache.errors import DataError
from cache.manifest import Manifest
from pipeline.datasets import _videos
from pipeline.datasets._bold_csv import CATEGORIES, POSITIVE, read
from pipeline.datasets._clips import Clip, Clips, paths_of
from pipeline.decoding.images import MAX_PIXELS

TABLES: Final = {"train": "annotations/train.csv", "val": "annotations/val.csv", "test": "annotations/test_meta.csv"}
VIDEOS: Final = "videos"
JOINTS: Final = "joints"
PUBLISHED: Final = (9_222, 1_153, 2_864)
"""Samples of train, val and test."""
VIDEOS_PUBLISHED: Final = 9_876


class Reader(pipeline.dataset.Reader):
    """The authors' tables and joints."""

    name: ClassVar[str] = "bold"
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "BoLD": {
            "videos": VIDEOS_PUBLISHED,
            **{f"people in {split}": count for split, count in zip(TABLES, PUBLISHED, strict=True)},
        }
    }
    version: ClassVar[int] = 2

    def look(self) -> None:
        """Raises: DataError naming what is not there."""
        for table in (TABLES["train"], TABLES["val"]):
            if not (self.root / table).is_file():
                inner = next(self.root.glob(f"*/{table}"), None)
                hint = f". Did you mean ROOT={inner.parent.parent}?" if inner else ""
                cure = f"ROOT is the folder that holds annotations/, {VIDEOS}/ and {JOINTS}/"
                raise DataError(f"{self.root / table}: no such file. {cure}{hint}")

    def annotation_files(self) -> list[Path]:
        """The tables, and the files of joints that are there. Raises: DataError naming a table that is not."""
        self.look()
        tables = [path for table in TABLES.values() if (path := self.root / table).is_file()]
        tracks = paths_of(self.root, self._clips)[1]
        return [*tables, *(path for track in tracks if (path := self.root / track).is_file())]

    def arrangement(self) -> str:
        """Which tables, videos and files of joints there are."""
        there = [split for split, table in TABLES.items() if (self.root / table).is_file()]
        state = _videos.state(self.root, *paths_of(self.root, self._clips), self.reading.max_pixels or MAX_PIXELS)
        return f"{there}\n{state}"

    def read(self, source: str) -> Manifest:
        """One row per sample, in the order of the tables. Raises: DataError naming file and line."""
        clips = Clips(self.root, self._clips, CATEGORIES, self.reading.max_pixels or MAX_PIXELS)
        return Manifest.from_rows(
            clips.rows,
            dataset=self.name,
            release=_release(self._clips),
            category_names=CATEGORIES,
            source=source,
            notes=[*_notes(self._clips), *clips.notes()],
        )

    @cached_property
    def _clips(self) -> list[Clip]:
        self.look()
        tables = [(split, path) for split, table in TABLES.items() if (path := self.root / table).is_file()]
        return [clip for split, path in tables for clip in read(path, split, VIDEOS, JOINTS)]


def _release(clips: list[Clip]) -> str:
    counts = tuple(sum(clip.split == split for clip in clips) for split in TABLES)
    told = ", ".join(f"{count} in {split}" for count, split in zip(counts, TABLES, strict=True))
    return "BoLD" if counts == PUBLISHED else f"unrecognised (samples: {told})"


def _notes(clips: list[Clip]) -> list[str]:
    notes = []
    if unlabelled := sum(not clip.scores for clip in clips):
        notes.append(f"samples without labels, of which features are extracted all the same: {unlabelled}")
    if none := sum(bool(clip.scores) and not clip.categories for clip in clips):
        notes.append(f"samples that reach {POSITIVE} in no category: {none}")
    if strange := sum("is not in" in remark for clip in clips for remark in clip.remarks):
        notes.append(f"values of VAD that are not in 1..10, left out: {strange}")
    return notes
