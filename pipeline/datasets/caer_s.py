"""CAER-S: frames of TV shows, seven emotions, one label an image, no boxes: the person is the largest face.

Origin: Lee et al., ICCV 2019, https://caer-dataset.github.io (research only).
Layout: `<root>/{train,test}/<class>/NNNN.png`, classes Anger (also as Angry), Disgust, Fear, Happy, Neutral, Sad,
Surprise. Keys are the path below the root: `train/Fear/0012.png#0`.
Counts: 48,995 images in train, 20,987 in test.
Faces: `train.txt` and `test.txt` in the root where they lie there, lines `relpath,label,x1,y1,x2,y2` as public code
has them; else `faces.csv`, which the first `make extract` makes: MTCNN looks at every image once.
Validation: there is none, so about a tenth of each class of train is held out, in runs of 175 neighbouring numbers.
Frames of one clip have neighbouring numbers (13,201 clips, 70,000 frames), so a run divides two clips at most.
Every image stays in the manifest; one without a face has the status no_person, its label and features of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final

import pipeline.dataset
from cache.errors import DataError
from cache.fingerprint import fingerprint
from cache.manifest import Manifest
from pipeline.datasets._caer_s_images import CATEGORIES, File, Listing, is_text, listing
from pipeline.datasets._caer_s_lists import list_files
from pipeline.datasets._caer_s_rows import listed, searched
from pipeline.datasets._face_list import Entry, read, stale

FACES: Final = "faces.csv"
IMAGES: Final = (48_995, 20_987)


class Reader(pipeline.dataset.Reader):
    """The folders of CAER-S, with faces from lists or from our own search."""

    name: ClassVar[str] = "caer_s"
    published: ClassVar[Mapping[str, Mapping[str, int]]] = {"ICCV'19": {"images": 69_982, "images in test": 20_987}}
    version: ClassVar[int] = 2

    def complete(self, say: Callable[[str], None]) -> None:
        """Look for the faces that no list names yet, once: 17 images of 640 x 480 a second and core."""
        if list_files(self.root):
            return
        from pipeline.datasets._face_search import Looker, complete

        with Looker(self.root) as look:
            complete(self.root / FACES, self._lengths(), look, say)

    def annotation_files(self) -> list[Path]:
        """The lists of faces. Raises: DataError when there is none yet."""
        if lists := list_files(self.root):
            return list(lists)
        if not (path := self.root / FACES).is_file():
            listing(self.root)  # a root that is none of CAER-S is told first
            cure = f"make extract DATASET={self.name} makes it, once"
            raise DataError(f"{path}: no such file, nor train.txt and test.txt: no image's face is known. {cure}")
        return [path]

    def look(self) -> None:
        """Raises: DataError when the folders of the classes are not there."""
        if not list_files(self.root) and not (self.root / FACES).is_file():
            listing(self.root)

    def arrangement(self) -> str:
        """Which images there are; their bytes tell a file that was replaced."""
        return fingerprint([[image.path, image.bytes] for image in self._listing.images])

    def read(self, source: str) -> Manifest:
        """One row per image, in the order of the folders. Raises: DataError."""
        images = self._listing.images
        rows, notes = listed(self.root, images) if list_files(self.root) else searched(images, self._entries())
        return Manifest.from_rows(
            rows,
            dataset=self.name,
            release=_release(images),
            category_names=CATEGORIES,
            source=source,
            notes=[*notes, *self._ignored()],
        )

    @cached_property
    def _listing(self) -> Listing:
        return listing(self.root)

    def _lengths(self) -> dict[str, int]:
        """Path -> bytes of the images that a list can name."""
        return {image.path: image.bytes for image in self._listing.images if is_text(image.path)}

    def _entries(self) -> dict[str, Entry]:
        """Raises: DataError when faces.csv is damaged or lacks an image."""
        entries, _ = read(path := self.root / FACES)
        if unknown := stale(entries, self._lengths()):
            first = f"{len(unknown)} images are not in it as they are now, first {unknown[0]}"
            raise DataError(f"{path}: {first}. make extract DATASET={self.name} looks for their faces")
        return entries

    def _ignored(self) -> list[str]:
        names = self._listing.ignored
        return [f"files that are no images by their names: {len(names)}, first {names[0]!a}"] if names else []


def _release(images: Sequence[File]) -> str:
    train = sum(image.split == "train" for image in images)
    counts = train, len(images) - train
    return "ICCV'19" if counts == IMAGES else f"unrecognised ({counts[0]} images in train, {counts[1]} in test)"
