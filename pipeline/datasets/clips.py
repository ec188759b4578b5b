"""A dataset of one's own of videos: a folder of videos and one table of who is in which frames and feels what.

Origin: yours. Layout: `<root>/clips.csv`, and videos anywhere below the root. For example:

    video,person,first,last,x1,y1,x2,y2,labels,split
    films/a.mp4,0,0,99,12,30,210,420,happy;excited,train
    films/a.mp4,1,0,99,230,25,400,415,calm,train
    films/b.mp4,,,,,,,,afraid,val
    films/c.mp4,0,40,120,,,,,happy,test

One row is one sample: a person in some frames of a video. video: the path below the root, with `/`. person: a number
within the video; without, rows of the same frames are its people in order. first, last: frames, both included, from 0
in the order they are shown; blank, or no such columns, for the whole video. x1, y1, x2, y2 (or x, y, width, height):
a box in pixels of the upright frame that holds in all of them; blank for the whole frame. joints, in place of a box:
the path of an .npy file that says where people are in each frame, as BoLD's do (see pipeline.decoding.tracks); person
is its number there. labels, split, valence, arousal, dominance, gender, age, and all other columns: as in `labels.csv`
(see pipeline.datasets.table); without a split videos are drawn 70/10/20 by a seeded hash, those of one film (see
cache.films) together, with every class in every part. Every row that cannot be meant is an error; what only the videos
decide stays in the manifest with a status:
frames that the video does not have, a person that its joints do not show, a video that is absent or cannot be read.
Keys are `films/a.mp4#0@0-99`.

    make extract DATASET=clips ROOT=folder STORE=store/folder
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

import pipeline.dataset
from cache.errors import DataError, shown
from cache.films import film_of
from cache.manifest import Manifest
from pipeline.datasets import _clips_csv, _videos
from pipeline.datasets._clips import Clip, Clips, paths_of
from pipeline.datasets._clips_csv import Sheet
from pipeline.datasets._split import SEED, SHARES, drawn_by_class, lacking
from pipeline.decoding.box_forms import doubt
from pipeline.decoding.images import MAX_PIXELS

FILE: Final = "clips.csv"


class Reader(pipeline.dataset.Reader):
    """clips.csv beside the videos."""

    name: ClassVar[str] = "clips"
    version: ClassVar[int] = 2

    def look(self) -> None:
        """Raises: DataError when there is no clips.csv."""
        if not (path := self.root / FILE).is_file():
            others = sorted(path.name for path in self.root.glob("*.csv"))
            there = f"; rename the one that is meant: {', '.join(map(shown, others))[:200]}" if others else ""
            columns = "It has the columns video, labels and, as needed, person, first, last, x1, y1, x2, y2, split"
            raise DataError(f"{path}: no such file. {columns}; ROOT holds it{there}")

    def annotation_files(self) -> list[Path]:
        """The table, and the files of joints that are there. Raises: DataError."""
        tracks = paths_of(self.root, self._sheet.clips)[1]
        return [self.root / FILE, *(path for track in tracks if (path := self.root / track).is_file())]

    def arrangement(self) -> str:
        """Which videos and files of joints there are."""
        return _videos.state(self.root, *paths_of(self.root, self._sheet.clips), self._cap)

    def read(self, source: str) -> Manifest:
        """One row per sample, videos in the order of their first row. Raises: DataError naming file and line."""
        vocabulary = _vocabulary(self._sheet)
        splits, drawing = _splits(self._sheet)
        samples = [replace(clip, split=clip.split or splits[clip.video]) for clip in self._sheet.clips]
        clips = Clips(self.root, samples, vocabulary, self._cap)
        _check_boxes(self._sheet, clips, samples)
        videos = len({clip.video for clip in samples})
        return Manifest.from_rows(
            clips.rows,
            dataset=self.name,
            release=f"{videos} videos, {len(samples)} samples",
            category_names=vocabulary,
            source=source,
            notes=[*drawing, *self._sheet.notes, *clips.notes()],
        )

    @property
    def _cap(self) -> int:
        return self.reading.max_pixels or MAX_PIXELS

    @cached_property
    def _sheet(self) -> Sheet:
        self.look()
        return _clips_csv.read(self.root, self.root / FILE)


def _vocabulary(sheet: Sheet) -> list[str]:
    if words := sorted({word for clip in sheet.clips for word in clip.categories}):
        return words
    raise DataError(f"{sheet.path}: no row has a label. Several are separated by ; or |")


def _splits(sheet: Sheet) -> tuple[dict[str, str], list[str]]:
    """Video -> split where the file tells none, and what is to be said of it."""
    if any(clip.split for clip in sheet.clips):
        return {}, []
    classes: dict[str, set[str]] = {film_of(clip.video): set() for clip in sheet.clips}
    for clip in sheet.clips:
        classes[film_of(clip.video)].update(clip.categories)
    films, moved = drawn_by_class(classes)
    for_classes = f"; {moved} moved so that every class is in every part" if moved else ""
    notes = [f"no column split: videos drawn {SHARES} by seeded hash (seed {SEED}){for_classes}"]
    if absent := lacking(classes, films):
        notes.append(f"classes with too few videos to be in every part: {', '.join(absent)[:300]}")
    return {clip.video: films[film_of(clip.video)] for clip in sheet.clips}, notes


def _check_boxes(sheet: Sheet, clips: Clips, samples: list[Clip]) -> None:
    """Raises: DataError for boxes that are hardly in pixels, left, top, right, bottom."""
    boxed = [clip for clip in samples if clip.box]
    boxes = np.array([clip.box for clip in boxed], np.float64).reshape(-1, 4)
    sizes = np.array([clips.film(clip).size for clip in boxed], np.float64).reshape(-1, 2)
    if sheet.form == "xyxy" and (found := doubt(boxes, sizes, "xyxy")):
        cure = "A box is x1, y1, x2, y2 in pixels of the upright frame; x, y, width, height stand in columns so named"
        raise DataError(f"{boxed[found.first].place}: {found.text}. {cure}")
