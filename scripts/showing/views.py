"""People in the order of a gallery, each with his picture and what every feature says of him."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cache.layout import Block
from cache.store import Features
from pipeline.framed import positions
from scripts.showing.looks import Attributes, Look, looks, rounded
from scripts.showing.pictures import Album, Picture, Wanted
from scripts.showing.sources import Opened, Place, Source, opened


class Person(NamedTuple):
    """row: of the manifest. box: xyxy in pixels of the picture's image, None where it is not known."""

    row: int
    box: list[float] | None
    look: Look


@dataclass(frozen=True)
class Views:
    """album: of the dataset's pictures. features: of the store, of which ``sources`` are drawn."""

    album: Album
    features: Features
    sources: Sequence[Source]
    attributes: Attributes

    def wanted(self, rows: Sequence[int]) -> list[Wanted]:
        """One picture an image, or a frame of a clip; rows of one image stand together."""
        manifest = self.features.manifest
        found: dict[tuple[str, int | None], list[int]] = {}
        for row in rows:
            found.setdefault((manifest.images[row], self._frame(row) if manifest.clips else None), []).append(row)
        return [Wanted(image, tuple(some), frame) for (image, frame), some in found.items()]

    def of(self, rows: Sequence[int]) -> Iterator[tuple[Picture, list[Person]]]:
        """Raises: StoreError, ShardError for a damaged store."""
        wanted = self.wanted(rows)
        for one, picture in zip(wanted, self.album.pictures(wanted), strict=True):
            yield picture, [self._person(row, picture) for row in one.rows]

    def _person(self, row: int, picture: Picture) -> Person:
        manifest, (block, place) = self.features.manifest, self._place(row)
        box = picture.boxes.get(row)
        known = rounded(manifest.boxes[row]) if box is None and not manifest.clips else None
        shown = known if box is None else rounded(box)
        every = self._opened(block)
        look = looks(every, place, picture.size, shown, picture.frame)
        self.attributes.add(look, every, place, picture.frame)
        return Person(row, shown, look)

    def _frame(self, row: int) -> int:
        """The first frame that a feature has of a clip's person; the middle of his span where none has."""
        block, place = self._place(row)
        seen = (one.first_frame(place) for one in self._opened(block))
        first, last = self.features.manifest.spans[row].tolist()
        return next((frame for frame in seen if frame is not None), int(positions((first, last), 1)[0]))

    def _opened(self, block: Block) -> list[Opened]:
        if block.number not in self._kept:
            self._kept.clear()  # of the shards before, whose people are done
            self._kept[block.number] = [opened(one, block) for one in self.sources]
        return self._kept[block.number]

    def _place(self, row: int) -> tuple[Block, Place]:
        manifest = self.features.manifest
        number, image = self._images[manifest.images[row]]
        block = self._blocks[number]
        span = block.spans[image]
        person = next((at for at in range(span.start, span.stop) if block.rows[at] == row), -1)
        return block, Place(image, person)

    @cached_property
    def _kept(self) -> dict[int, list[Opened]]:
        return {}

    @cached_property
    def _blocks(self) -> list[Block]:
        layout = next((one.layout for one in self.features.values()), None)
        return list(layout.blocks()) if layout else [_whole(self.album.people)]

    @cached_property
    def _images(self) -> dict[str, tuple[int, int]]:
        """Image -> number of its shard, and its own in that."""
        return {image: (block.number, at) for block in self._blocks for at, image in enumerate(block.images)}


def _whole(people: Mapping[str, Sequence[int]]) -> Block:
    """Of a store without a feature: nothing is read of it."""
    counts = tuple(len(rows) for rows in people.values())
    return Block(0, tuple(people), np.array([row for rows in people.values() for row in rows], np.int64), counts)
