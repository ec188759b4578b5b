"""One feature of a dataset: what is there, what is missing, rows by key or by person."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.chunks import PackedRows
from cache.errors import ShardError, StoreError, unknown
from cache.files import read_json
from cache.fingerprint import digest, fingerprint
from cache.header import Header, read_header
from cache.layout import Block, Layout, shard_name
from cache.shard import Shard
from cache.spec import ArraySpec, Granularity, Status

_NOWHERE = (-1, -1)


@dataclass(frozen=True)
class Failure:
    """One ledger entry: a row of a feature that is not OK."""

    feature: str
    key: str
    status: Status
    message: str


class Feature:
    """One feature of one dataset, in one set of settings (its fingerprint)."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        """Raises: StoreError when ``folder`` has no readable feature.json."""
        self.folder, self.layout = folder, layout
        self.info: dict[str, Any] = read_json(folder / "feature.json")
        try:
            if self.info.pop("seal") != fingerprint(self.info):
                raise ValueError("changed after it was written")
            self.name = str(self.info["feature"])
            self.fingerprint = str(self.info["fingerprint"])
            self.granularity = Granularity(self.info["granularity"])
            self.trained = bool(self.info["trained"])
            self.arrays = {name: ArraySpec.from_json(spec) for name, spec in self.info["arrays"].items()}
        except (KeyError, TypeError, AttributeError, ValueError, ShardError) as error:
            cure = "make extract writes it again"
            raise StoreError(f"{folder / 'feature.json'}: not a feature's description ({error!r}); {cure}") from None
        self._open: dict[int, Shard] = {}

    def path(self, block: Block) -> Path:
        """Where the shard of ``block`` lies, whether present or not."""
        return self.folder / shard_name(block.number)

    def header(self, block: Block) -> Header | None:
        """The shard's header; None when the shard is pending: absent, or made for other keys, boxes or settings."""
        try:
            header = read_header(self.path(block))
        except ShardError:
            return None
        return header if (header.source, header.fingerprint) == (self.source(block), self.fingerprint) else None

    def source(self, block: Block) -> str:
        """What the shard of ``block`` must have been made for: its samples and, of a derived feature, the very bytes of
        its source's shard. "" while that one is pending."""
        own = self.layout.source(block, self.granularity)
        if not self.info.get("source"):
            return own
        header = self._origin.header(block) if self._origin else None
        return digest(f"{own} {header.body}".encode()) if header else ""

    @cached_property
    def _origin(self) -> "Feature | None":
        """The feature that this one is derived from; None when it is not in the store."""
        ((name, named),) = self.info["source"].items()
        try:
            return Feature(self.folder.parents[1] / name / named, self.layout)
        except StoreError:
            return None

    def leftovers(self) -> list[Path]:
        """Shards beyond the manifest's last one: there were more images once."""
        names = {shard_name(number) for number in range(len(self.layout))}
        return [path for path in sorted(self.folder.glob("shard-*.h5")) if path.name not in names]

    def counts(self) -> Counter[str]:
        """Rows by status word, over the shards that are present and current; ``pending`` for rows not extracted."""
        total: Counter[str] = Counter()
        for block in self.layout.blocks():
            header = self.header(block)
            total.update(header.counts if header else {"pending": len(self.layout.keys(block, self.granularity))})
        return total

    def shard(self, block: Block) -> Shard:
        """The checked shard of ``block``; opened once.

        Raises: StoreError when it is absent or stale, ShardError when it is damaged or not as declared.
        """
        if block.number not in self._open:
            self._current_header(block)
            shard = Shard(self.path(block))
            if shard.keys != self.layout.keys(block, self.granularity):
                raise ShardError(f"{shard.path}: its keys are not those of the manifest. make repair makes it again")
            for name, spec in self.arrays.items():
                spec.validate(f"{shard.path}:{name}", shard.array(name), len(shard.keys))
            self._open[block.number] = shard
        return self._open[block.number]

    def read(self, array: str, keys: Sequence[str]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Rows in the order of ``keys``: (len(keys), *shape) and their status (len(keys),) uint8.

        keys: image paths or person keys, as the granularity is. Rows that are not OK hold the spec's missing value.
        Raises: UnknownName for another array, StoreError naming the first key that is not in the store.
        """
        self.spec(array)
        places = np.array([self._index.get(key, _NOWHERE) for key in keys], dtype=np.int64).reshape(-1, 2)
        if (absent := places[:, 0] < 0).any():
            raise StoreError(f"{self.folder}: no row for {self._why_absent(keys[int(np.argmax(absent))])}")
        return self._gather(array, places)

    def of_people(self, array: str, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """As ``read``, for people: the manifest's ``rows`` (n,). An image's row is repeated for each of its people.

        Raises: UnknownName for another array, StoreError for a row of the manifest that is no person.
        """
        self.spec(array)
        return self._gather(array, self._places(rows))

    def parts(self, array: str, rows: NDArray[np.int64]) -> tuple[list[NDArray[Any] | PackedRows], NDArray[np.int64]]:
        """What ``of_people`` would copy, without the copy: the array of each shard that has one of the people, as
        memory-mapped rows, and (n, 2) which of these and which row in it each of ``rows`` is.

        Raises: as ``of_people``.
        """
        self.spec(array)
        places = self._places(rows)
        numbers, own = np.unique(places[:, 0], return_inverse=True)
        shards = [self.shard(self._blocks[number]) for number in numbers.tolist()]
        return [shard.array(array) for shard in shards], np.stack([own, places[:, 1]], 1)

    def digest(self) -> str:
        """Of all that its present shards hold, whose digests are in their headers."""
        headers = [self.header(block) for block in self.layout.blocks()]
        return digest(" ".join(header.body if header else "-" for header in headers).encode())

    def status_of_people(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The status of each as ``of_people`` gives it. A shard all of whose rows are fine is not opened.

        Raises: StoreError when a shard is absent or stale, ShardError when one that is read is damaged.
        """
        places = self._places(rows)
        status = np.zeros(len(places), dtype=np.uint8)
        for number in np.unique(places[:, 0]).tolist():
            if self._current_header(self._blocks[number]).counts.keys() - {Status.OK.word}:
                wanted = places[:, 0] == number
                status[wanted] = self.shard(self._blocks[number]).status[places[wanted, 1]]
        return status

    def check(self, rows: NDArray[np.int64]) -> None:
        """Raises: StoreError when the shard of one of the people in ``rows`` is absent or stale; reads headers only."""
        for number in np.unique(self._places(rows)[:, 0]).tolist():
            self._current_header(self._blocks[number])

    def spec(self, array: str) -> ArraySpec:
        """Raises: UnknownName with the nearest name."""
        if array not in self.arrays:
            raise unknown(f"array in feature {self.name}", array, self.arrays)
        return self.arrays[array]

    def failures(self, only: frozenset[Status] | None = None) -> Iterator[Failure]:
        """The ledger: every row that is not OK (or whose status is in ``only``), in order."""
        wanted = {status.word for status in (only or set(Status) - {Status.OK})}
        for block in self.layout.blocks():
            header = self.header(block)
            if header is None or not wanted & header.counts.keys():
                continue
            shard = self.shard(block)
            for row in np.flatnonzero(shard.status).tolist():
                status = Status(int(shard.status[row]))
                if only is None or status in only:
                    yield Failure(self.name, shard.keys[row], status, shard.messages[row])

    @cached_property
    def _index(self) -> dict[str, tuple[int, int]]:
        return {
            key: (block.number, row)
            for block in self._blocks
            for row, key in enumerate(self.layout.keys(block, self.granularity))
        }

    @cached_property
    def _blocks(self) -> list[Block]:
        return list(self.layout.blocks())

    @cached_property
    def _of_manifest(self) -> NDArray[np.int64]:
        """(rows of the manifest, 2): shard and row in it of each person; _NOWHERE for an image without people."""
        places = np.full((len(self.layout.manifest), 2), _NOWHERE)
        for block in self._blocks:
            each = self.granularity is not Granularity.IMAGE
            places[block.rows, 0] = block.number
            places[block.rows, 1] = np.arange(len(block.rows)) if each else _repeated(block.persons)
        return places

    def _places(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        places = self._of_manifest[rows]
        if (absent := places[:, 0] < 0).any():
            key = self.layout.manifest.keys[int(rows[int(np.argmax(absent))])]
            raise StoreError(f"{self.folder}: no row for {key!r}: the annotation names no person there")
        return places

    def _gather(self, array: str, places: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """places: (n, 2), shard and row in it. Each row is read once, however often it is asked for."""
        out = self.spec(array).empty(len(places))
        status = np.zeros(len(places), dtype=np.uint8)
        for number in np.unique(places[:, 0]).tolist():
            wanted = np.flatnonzero(places[:, 0] == number)
            shard = self.shard(self._blocks[number])
            rows, back = np.unique(places[wanted, 1], return_inverse=True)
            out[wanted], status[wanted] = shard.array(array)[rows][back], shard.status[rows][back]
        return out, status

    def _current_header(self, block: Block) -> Header:
        header = self.header(block)
        if header is None:
            raise StoreError(f"{self.path(block)}: absent or made for other samples. Run make extract again")
        return header

    def _why_absent(self, key: str) -> str:
        """The end of an error text: an image's key was given for a person's, a person's for an image's, or neither."""
        images, image = self.layout.images, key.rpartition("#")[0]
        if self.granularity is Granularity.IMAGE and image in images:
            return f"{key!r}: {self.name} has a row for each image. Give the image's key, {image!r}"
        if self.granularity is not Granularity.IMAGE and key in images:
            people = ", ".join(repr(self.layout.manifest.keys[row]) for row in images[key][:3])
            more = ", ..." if len(images[key]) > 3 else ""
            cure = f"Give a person's key: {people}{more}" if people else "The annotation names no person in this one"
            return f"{key!r}: {self.name} has a row for each person. {cure}"
        return f"{key!r}. Run make extract again"

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which opens the shards for itself."""
        return vars(self) | {"_open": {}}


def _repeated(persons: Sequence[int]) -> NDArray[np.int64]:
    """Of images with so many persons each: each person's image, (sum of persons,)."""
    return np.repeat(np.arange(len(persons)), persons)
