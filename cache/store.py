"""A folder of shards: what is there, what is missing, rows by key.

``<store>/<dataset>/manifest.parquet`` the samples; ``current.json`` which fingerprint of each feature is in use;
``<feature>/<fingerprint>/feature.json`` and ``shard-00012.h5`` the features.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.errors import ShardError, StoreError, UnknownName, nearest, unknown
from cache.files import make_folder, read_json, replace_text
from cache.fingerprint import digest, fingerprint
from cache.header import Header, read_header
from cache.layout import IMAGES_PER_SHARD, Block, Layout, shard_name
from cache.manifest import Manifest
from cache.shard import Shard
from cache.spec import ArraySpec, Granularity, Status


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
            if self.header(block) is None:
                raise StoreError(f"{self.path(block)}: absent or made for other samples. Run make extract again")
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
        if array not in self.arrays:
            raise unknown(f"array in feature {self.name}", array, self.arrays)
        out = self.arrays[array].empty(len(keys))
        status = np.zeros(len(keys), dtype=np.uint8)
        found = np.zeros(len(keys), dtype=bool)
        for block, wanted, rows in self._places(keys):
            shard = self.shard(block)
            out[wanted], status[wanted], found[wanted] = shard.array(array)[rows], shard.status[rows], True
        if not found.all():
            raise StoreError(f"{self.folder}: no row for {keys[int(np.argmin(found))]!r}. Run make extract again")
        return out, status

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

    def _places(self, keys: Sequence[str]) -> Iterator[tuple[Block, NDArray[np.int64], NDArray[np.int64]]]:
        nowhere = (-1, -1)
        places = np.array([self._index.get(key, nowhere) for key in keys], dtype=np.int64).reshape(-1, 2)
        for number in np.unique(places[:, 0]).tolist():
            if number >= 0:
                wanted = np.flatnonzero(places[:, 0] == number)
                yield self._blocks[number], wanted, places[wanted, 1]


class Store:
    """A folder of datasets. Nothing is created until something is written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def datasets(self) -> list[str]:
        """Names of the datasets that have a manifest here."""
        return sorted(path.parent.name for path in self.root.glob("*/manifest.parquet"))

    def folder(self, dataset: str) -> Path:
        """Raises: UnknownName when nothing of ``dataset`` was extracted here."""
        if dataset not in (known := self.datasets()):
            cure = f"Run make extract DATASET={dataset} first"
            raise UnknownName(f"{self.root}: holds no dataset {dataset!r}.{nearest(dataset, known)} {cure}")
        return self.root / dataset

    def manifest(self, dataset: str) -> Manifest:
        """Raises: UnknownName, StoreError."""
        return Manifest.load(self.folder(dataset) / "manifest.parquet")

    def layout(self, dataset: str) -> Layout:
        """The shards of ``dataset`` as they were last planned."""
        return Layout(self.manifest(dataset), self._current(dataset).get("shard_images", IMAGES_PER_SHARD))

    def features(self, dataset: str) -> dict[str, Feature]:
        """The features in use, by name. Raises: UnknownName, StoreError."""
        layout = self.layout(dataset)
        in_use: dict[str, str] = self._current(dataset).get("features", {})
        folder = self.folder(dataset)
        return {name: Feature(folder / name / used, layout) for name, used in sorted(in_use.items())}

    def reading(self, dataset: str) -> dict[str, Any]:
        """What was said of the dataset's files when its manifest was made: ``box`` and ``max_pixels``, where they were.

        Raises: StoreError.
        """
        return dict(self._current(dataset).get("reading", {}))

    def begin(self, manifest: Manifest, shard_images: int, reading: Mapping[str, str | int] | None = None) -> None:
        """Make the manifest the dataset's current one, made with ``reading``. Call it under the lock."""
        folder = self.root / manifest.dataset
        make_folder(folder)
        path = folder / "manifest.parquet"
        if not path.exists() or Manifest.load(path).source != manifest.source:
            manifest.save(path)
        told = {"reading": dict(reading)} if reading else {}
        self._update(folder, {"shard_images": shard_images} | told)

    def use(self, dataset: str, info: dict[str, Any]) -> None:
        """Describe a feature (feature.json) and make it the current one of its name. Call it under the lock."""
        folder = self.root / dataset
        path = folder / info["feature"] / info["fingerprint"] / "feature.json"
        make_folder(path.parent)
        text = json.dumps(info | {"seal": fingerprint(info)}, indent=2, sort_keys=True) + "\n"
        if not path.exists() or path.read_bytes() != text.encode():
            replace_text(path, text)
        used = self._current(dataset).get("features", {})
        self._update(folder, {"features": used | {info["feature"]: info["fingerprint"]}})

    @contextmanager
    def lock(self, dataset: str) -> Iterator[None]:
        """Hold the dataset against a second writer; the kernel lets go when the process ends, however it ends.

        Raises: StoreError when another process holds it, or the folder cannot be written.
        """
        folder = self.root / dataset
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be written: {error.strerror}. Choose another STORE=") from None
        try:
            _take(descriptor, folder)
            yield
        finally:
            os.close(descriptor)

    def _current(self, dataset: str) -> dict[str, Any]:
        path = self.root / dataset / "current.json"
        current = read_json(path) if path.exists() else {}
        if not _is_current(current):
            raise StoreError(f"{path}: not a store's description. Delete it and run make extract")
        return current

    def _update(self, folder: Path, values: dict[str, Any]) -> None:
        current = self._current(folder.name)
        if current | values != current:
            replace_text(folder / "current.json", json.dumps(current | values, indent=2, sort_keys=True) + "\n")


def _is_current(current: Any) -> bool:
    """True for ``{"shard_images": 1.., "features": {name: fingerprint}, "reading": {"box": "..", "max_pixels": 1..}}``
    or part of it; names stay in the folder."""
    if not isinstance(current, dict):
        return False
    size, features = current.get("shard_images", IMAGES_PER_SHARD), current.get("features", {})
    if not (type(size) is int and size > 0 and isinstance(features, dict)):
        return False
    if not isinstance(reading := current.get("reading", {}), dict):
        return False
    cap = reading.get("max_pixels", 1)
    if not (isinstance(reading.get("box", ""), str) and type(cap) is int and cap > 0):
        return False
    names = [*features, *features.values()]
    return all(isinstance(name, str) and name.strip(".") and "/" not in name for name in names)


def _take(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        cure = "Wait for it, or choose another STORE="
        raise StoreError(f"{folder}: another extraction is writing here. {cure}") from None
    except OSError as error:
        cure = "Choose a STORE= on a file system that has locks"
        raise StoreError(f"{folder}: cannot be locked against a second writer: {error.strerror}. {cure}") from None
