"""Small copies of photographs, and of one frame of each clip, or why there is none."""

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.errors import AffectError, DataError
from cache.manifest import Manifest
from pipeline.decoding.images import MAX_PIXELS, ImageError, decode
from pipeline.decoding.paths import resolve
from pipeline.decoding.video import frames
from pipeline.running.clip_people import samples_of
from pipeline.running.reading import usable_boxes

SIDE = 400
"""Pixels of a small copy's longer side."""
QUALITY = 70
THREADS = 4
AHEAD = 64
"""Pictures that may wait to be taken."""


@dataclass(frozen=True)
class Picture:
    """jpeg: the small copy; b"" for none. size: (width, height) of the whole image in pixels, in which boxes are told.
    reason: why there is none. frame: of a clip. boxes: row of the manifest -> the person's box, where it is usable."""

    jpeg: bytes
    size: tuple[int, int]
    reason: str
    frame: int | None
    boxes: Mapping[int, NDArray[np.float32]]


@dataclass(frozen=True)
class Wanted:
    """One picture: its image or video, the rows that are on it, and of a clip the frame."""

    image: str
    rows: tuple[int, ...]
    frame: int | None = None


@dataclass(frozen=True)
class Album:
    """Where photographs are. root: the dataset's folder. people: image -> all rows of the manifest."""

    root: Path
    manifest: Manifest
    people: Mapping[str, Sequence[int]]
    max_pixels: int = MAX_PIXELS

    def pictures(self, wanted: Sequence[Wanted]) -> Iterator[Picture]:
        """In order, each made when it is due: no more than AHEAD wait."""
        with ThreadPoolExecutor(THREADS) as pool:
            asked = iter(wanted)
            waiting = [pool.submit(self.picture, one) for one in islice(asked, AHEAD)]
            while waiting:
                yield waiting.pop(0).result()
                waiting += [pool.submit(self.picture, one) for one in islice(asked, 1)]

    def picture(self, wanted: Wanted) -> Picture:
        """Never raises for an image that cannot be had."""
        annotated = self.manifest.sizes[wanted.rows[0]].tolist()
        try:
            image = self._image(wanted)
            if wanted.frame is None and any(annotated) and list(image.size) != annotated:
                told = f"is {image.width} x {image.height} pixels, the store's {annotated[0]} x {annotated[1]}"
                raise DataError(f"{wanted.image}: {told}. Extract again")
            boxes = self._boxes(wanted, image.size)
        except AffectError as error:
            word = f"{error.status.word}: " if isinstance(error, ImageError) else ""
            reason = f"{word}{self._without_folders(str(error))}"
            return Picture(b"", (annotated[0] or 4, annotated[1] or 3), reason, wanted.frame, {})
        return Picture(small(image), image.size, "", wanted.frame, boxes)

    def _without_folders(self, text: str) -> str:
        """Where the root lies concerns nobody whom a page is given to."""
        for root in (os.path.realpath(self.root), str(self.root)):
            text = text.replace(f"{root}/", "")
        return text

    def _image(self, wanted: Wanted) -> Image.Image:
        folder = self.manifest.folder
        path = resolve(self.root, f"{folder}/{wanted.image}" if folder else wanted.image)
        if wanted.frame is None:
            return decode(path, self.max_pixels)
        for _, image in frames(path, [wanted.frame], self.max_pixels):
            return image
        raise DataError(f"{wanted.image}: ends before frame {wanted.frame}")

    def _boxes(self, wanted: Wanted, size: tuple[int, int]) -> dict[int, NDArray[np.float32]]:
        rows = np.array(self.people[wanted.image], np.int64)
        if wanted.frame is None:
            boxes, unusable = usable_boxes(self.manifest, rows, size)
            there = [row for number, row in enumerate(rows.tolist()) if number not in unusable]
            return dict(zip(there, boxes, strict=True))
        samples, lost = samples_of(self.root, self.manifest, rows)
        there = [row for number, row in enumerate(rows.tolist()) if number not in lost]
        found = {row: one.at(wanted.frame, size)[0] for row, one in zip(there, samples, strict=True)}
        return {row: box for row, box in found.items() if box is not None}


def small(image: Image.Image) -> bytes:
    """A copy of at most SIDE pixels, as JPEG, without what else the file held."""
    copy = image.convert("RGB")
    copy.thumbnail((SIDE, SIDE))
    copy.info = {}
    out = io.BytesIO()
    copy.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
