"""CAER: clips of TV shows, seven emotions, one label a clip, no boxes: a sample is a whole video.

Origin: Lee et al., "Context-Aware Emotion Recognition Networks", ICCV 2019, https://caer-dataset.github.io (research
only).
Layout: `<root>/{train,validation,test}/<class>/<name>.avi`, classes Anger (also as Angry), Disgust, Fear, Happy,
Neutral, Sad, Surprise. MP4, MOV, MKV and WebM are read too.
Counts: 13,201 clips.
The person is number 0, and the box is the whole frame: keys are `train/Fear/0012.avi#0@0-89`. Sizes and frames come
from the videos' headers; one that is not to be read stays in the manifest with a status and its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final

import pipeline.dataset
from cache.errors import DataError
from cache.fingerprint import fingerprint
from cache.manifest import Manifest
from pipeline.datasets._caer_s_images import CATEGORIES, class_files, is_text, label_of
from pipeline.datasets._clips import Clip, Clips
from pipeline.decoding.images import MAX_PIXELS

FOLDERS: Final = {"train": "train", "validation": "val", "test": "test"}
SUFFIXES: Final = (".avi", ".mp4", ".mov", ".mkv", ".webm")
PUBLISHED: Final = 13_201


class Reader(pipeline.dataset.Reader):
    """The folders of CAER."""

    name: ClassVar[str] = "caer"
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {"ICCV'19": {"videos": PUBLISHED}}
    version: ClassVar[int] = 1

    def look(self) -> None:
        """Raises: DataError when the folders of the classes are not there."""
        _ = self._listing

    def annotation_files(self) -> list[Path]:
        """None: the folders say everything."""
        return []

    def arrangement(self) -> str:
        """Which videos there are; their bytes' number tells one that was replaced."""
        return fingerprint([[[path, size] for path, size in self._listing.items()], self._cap])

    def read(self, source: str) -> Manifest:
        """One row per video, in the order of the folders. Raises: DataError."""
        paths = [path for path in self._listing if path.lower().endswith(SUFFIXES) and is_text(path)]
        clips = Clips(self.root, [*map(_clip, paths)], CATEGORIES, self._cap)
        others = sorted(self._listing.keys() - set(paths))
        ignored = [f"files that are no videos by their names: {len(others)}, first {others[0]!a}"] if others else []
        return Manifest.from_rows(
            clips.rows,
            dataset=self.name,
            release="ICCV'19" if len(paths) == PUBLISHED else f"unrecognised ({len(paths)} clips)",
            category_names=CATEGORIES,
            source=source,
            notes=[*clips.notes(), *ignored],
        )

    @property
    def _cap(self) -> int:
        return self.reading.max_pixels or MAX_PIXELS

    @cached_property
    def _listing(self) -> dict[str, int]:
        """Path below the root -> bytes, of all files in the folders of the classes."""
        found: dict[str, int] = {}
        for split in FOLDERS:
            files = list(class_files(self.root, split, tuple(FOLDERS)))
            if not any(rest.lower().endswith(SUFFIXES) for _, _, rest, _ in files):
                wanted = f"{split}/{CATEGORIES[0]}/0001.avi and the like are wanted"
                raise DataError(f"{self.root / split}: holds no video in a class's folder; {wanted}")
            found |= {f"{split}/{folder}/{rest}": size for folder, _, rest, size in files}
        return found


def _clip(path: str) -> Clip:
    split, folder, _ = path.split("/", 2)
    return Clip(place=path, video=path, split=FOLDERS[split], categories=(label_of(folder),))
