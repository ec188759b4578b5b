"""An image that belongs to the dataset: its people as annotated, and which manifest rows they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cache.errors import StoreError, UnknownName
from cache.manifest import Manifest
from cache.store import Store
from pipeline.running.reading import usable_boxes


@dataclass(frozen=True)
class Annotation:
    """folder: where the manifest's images lie. trained_on: whether its rows are those the head was trained on."""

    manifest: Manifest
    folder: Path
    trained_on: bool

    @classmethod
    def find(cls, store: Path, about: Mapping[str, Any], root: Path) -> Self | None:
        """about: of the head's checkpoint. None when its dataset was not extracted here."""
        try:
            manifest = Store(store).manifest(about["dataset"])
        except (StoreError, UnknownName):
            return None
        return cls(manifest, (root / manifest.folder).resolve(), manifest.source == about["source"])

    def holds(self, path: Path) -> bool:
        """Whether the image at ``path`` is one of the manifest's."""
        return bool(len(self._rows(path)))

    def people(self, path: Path, size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.int64] | None] | None:
        """Boxes (p, 4) of the people of the image at ``path``, whose width and height are ``size``, and their rows
        (p,) where the head knows them. None when the manifest does not name the image."""
        rows = self._rows(path)
        if not len(rows):
            return None
        rows = rows[self.manifest.persons[rows] >= 0]
        boxes, unusable = usable_boxes(self.manifest, rows, size)
        return boxes, np.delete(rows, sorted(unusable)) if self.trained_on else None

    def _rows(self, path: Path) -> NDArray[np.int64]:
        """Of the image at ``path``; none when it lies elsewhere or is not named."""
        try:
            key = path.resolve().relative_to(self.folder).as_posix()
        except ValueError:
            return np.zeros(0, np.int64)
        return np.array([row for row, image in enumerate(self.manifest.images) if image == key], np.int64)
