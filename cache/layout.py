"""Which samples lie in which shard: a run of consecutive images with all their persons."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import xxhash
from numpy.typing import NDArray

from cache.manifest import Manifest
from cache.spec import Granularity

IMAGES_PER_SHARD = 256


@dataclass(frozen=True)
class Block:
    """One shard's samples. number: 0-based. images: their paths. rows: (p,) row numbers in the manifest, persons only,
    in the order of the images. persons: how many rows each image has."""

    number: int
    images: tuple[str, ...]
    rows: NDArray[np.int64]
    persons: tuple[int, ...]

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """For each image, the rows of its persons within the shard."""
        ends = np.cumsum((0, *self.persons)).tolist()
        return tuple(slice(start, stop) for start, stop in pairwise(ends))

    @cached_property
    def image_spans(self) -> tuple[slice, ...]:
        """For each image, its own row."""
        return tuple(slice(index, index + 1) for index in range(len(self.images)))


@dataclass(frozen=True)
class Layout:
    """The shards of a manifest. ``size``: images in a shard. chosen: these images alone, None for all."""

    manifest: Manifest
    size: int = IMAGES_PER_SHARD
    chosen: frozenset[str] | None = None

    @cached_property
    def images(self) -> dict[str, list[int]]:
        """Image path -> manifest rows of its persons (an image without persons has none), in order of appearance."""
        found: dict[str, list[int]] = {}
        for row, (image, person) in enumerate(zip(self.manifest.images, self.manifest.persons.tolist(), strict=True)):
            if self.chosen is not None and image not in self.chosen:
                continue
            rows = found.setdefault(image, [])
            if person >= 0:
                rows.append(row)
        return found

    def __len__(self) -> int:
        return -(-len(self.images) // self.size)

    def block(self, number: int) -> Block:
        """Shard ``number``, from 0."""
        part = self._names[number * self.size : (number + 1) * self.size]
        rows = [self.images[name] for name in part]
        flat = np.array([row for group in rows for row in group], dtype=np.int64)
        return Block(number, part, flat, tuple(len(group) for group in rows))

    def blocks(self) -> Iterator[Block]:
        """All shards in order."""
        return map(self.block, range(len(self)))

    def pixels(self, image: str) -> int:
        """Of an image, as annotated; 0 where the annotation does not tell."""
        width, height = self._sizes[image]
        return width * height

    @cached_property
    def _sizes(self) -> dict[str, tuple[int, int]]:
        """Image path -> width and height, as the first row of the image has them."""
        sizes = map(tuple, self.manifest.sizes[::-1].tolist())
        return dict(zip(reversed(self.manifest.images), sizes, strict=True))

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(self.images)

    def keys(self, block: Block, granularity: Granularity) -> list[str]:
        """The keys of a shard, in row order: image paths, or ``path#k``."""
        if granularity is Granularity.IMAGE:
            return list(block.images)
        return [self.manifest.keys[row] for row in block.rows.tolist()]

    def source(self, block: Block, granularity: Granularity) -> str:
        """Digest of what a shard is made for: its images with their sizes and, for persons, their keys, boxes and
        statuses; of clips, the tracks too."""
        state = xxhash.xxh3_128("\0".join(block.images).encode())
        state.update(np.array([self._sizes[name] for name in block.images], np.int32).tobytes())
        if granularity is not Granularity.IMAGE:
            state.update("\0".join(self.keys(block, granularity)).encode())
            state.update(np.ascontiguousarray(self.manifest.boxes[block.rows]).tobytes())
            state.update("\0".join(self.manifest.statuses[row] for row in block.rows.tolist()).encode())
            if digests := self.manifest.track_digests:
                state.update("\0".join(digests[row] for row in block.rows.tolist()).encode())
        return state.hexdigest()


def shard_name(number: int) -> str:
    """File name of shard ``number``."""
    return f"shard-{number:05d}.h5"
