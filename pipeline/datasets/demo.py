"""The demo: drawn scenes with people, written in EMOTIC's layout and read by EMOTIC's reader.

Origin: pipeline.demo.scenes, seeded, made on the first use. Layout, categories and keys: those of `emotic`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pipeline.dataset
from cache.errors import DataError
from cache.manifest import Manifest
from pipeline.datasets import emotic

SCENES = 900
SEED = 0
LABEL_MAPS = "label_maps"


class Reader(pipeline.dataset.Reader):
    """Makes the scenes when they are not there; the rest is `emotic`'s. scenes: how many are made."""

    name: ClassVar[str] = "demo"
    version: ClassVar[int] = emotic.Reader.version
    drawn: ClassVar[bool] = True

    def __init__(self, root: Path, scenes: int = SCENES) -> None:
        super().__init__(root)
        self.scenes = scenes
        self._emotic = emotic.Reader(root)

    def prepare(self) -> None:
        """Draw the scenes unless they lie in the root, where they are whole once they are there.

        Raises: DataError when something else lies there.
        """
        if (self.root / emotic.ANNOTATIONS[0]).is_file():
            return
        from pipeline.demo.scenes.write import write_demo

        write_demo(self.root, scenes=self.scenes, seed=SEED)

    def annotation_files(self) -> list[Path]:
        """Raises: DataError when the scenes were not made, or what lies there was not drawn by us."""
        files = self._emotic.annotation_files()
        if not (self.root / LABEL_MAPS).is_dir():
            cure = "Is it EMOTIC's own? Then name it: DATASET=emotic"
            raise DataError(f"{self.root}: holds no {LABEL_MAPS}/, so it is not the drawn demo. {cure}")
        return files

    def read(self, source: str) -> Manifest:
        """EMOTIC's manifest under the demo's name. Raises: DataError."""
        found = self._emotic.read(source)
        return replace(found, dataset=self.name, release=f"demo, {len(set(found.images))} scenes")
