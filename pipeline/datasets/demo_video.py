"""The demo's clips: drawn people who move, written in BoLD's layout and read by BoLD's reader.

Origin: pipeline.demo.clips, seeded, made on the first use. Layout, categories and keys: those of `bold`. Beside them
lies causes.csv: what was drawn, which no head gets to see.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pipeline.dataset
from cache.errors import DataError
from cache.manifest import Manifest
from pipeline.datasets import bold

CLIPS = 480
SEED = 0
CAUSES = "causes.csv"


class Reader(pipeline.dataset.Reader):
    """Makes the clips when they are not there; the rest is `bold`'s. clips: how many are made."""

    name: ClassVar[str] = "demo_video"
    version: ClassVar[int] = bold.Reader.version
    drawn: ClassVar[bool] = True

    def __init__(self, root: Path, clips: int = CLIPS) -> None:
        super().__init__(root)
        self.clips = clips

    def prepare(self) -> None:
        """Draw the clips unless they lie in the root, where they are whole once they are there.

        Raises: DataError when something else lies there.
        """
        if (self.root / bold.TABLES["train"]).is_file():
            return
        from pipeline.demo.clips.write import write_clips

        write_clips(self.root, clips=self.clips, seed=SEED)

    def look(self) -> None:
        """Raises: DataError when the clips were not made, or what lies there was not drawn by us."""
        self._bold().look()
        if not (self.root / CAUSES).is_file():
            cure = "Is it BoLD's own? Then name it: DATASET=bold"
            raise DataError(f"{self.root}: holds no {CAUSES}, so it is not the drawn demo. {cure}")

    def annotation_files(self) -> list[Path]:
        """As `bold`'s. Raises: DataError when the clips were not made, or what lies there was not drawn by us."""
        self.look()
        return self._bold().annotation_files()

    def arrangement(self) -> str:
        """As `bold`'s."""
        return self._bold().arrangement()

    def read(self, source: str) -> Manifest:
        """BoLD's manifest under the demo's name. Raises: DataError."""
        found = self._bold().read(source)
        return replace(found, dataset=self.name, release=f"demo_video, {len(set(found.images))} clips")

    def _bold(self) -> bold.Reader:
        reader = bold.Reader(self.root)
        reader.reading = self.reading
        return reader
