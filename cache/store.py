"""A folder of shards: what is there, what is missing, rows by key.

``<store>/<dataset>/manifest.parquet`` the samples; ``current.json`` which fingerprint of each feature is in use;
``<feature>/<fingerprint>/feature.json`` and ``shard-00012.h5`` the features.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cache import plugins
from cache.errors import NoFeature, StoreError, UnknownName, meant, nearest
from cache.feature import Feature
from cache.files import make_folder, read_json, replace_text
from cache.fingerprint import fingerprint
from cache.layout import IMAGES_PER_SHARD, Layout
from cache.manifest import Manifest

NO_STAGE = "Where its CONFIG has no stage of that name, add it there first"


class Features(dict[str, Feature]):
    """The features in use of one dataset, by name. Another name is told with the nearest."""

    def __init__(self, manifest: Manifest, found: Mapping[str, Feature], known: Iterable[str]) -> None:
        """manifest: the one that all of ``found`` were opened with; what a feature calls a row is a row of this one.
        known: the names of all that are in use."""
        super().__init__(found)
        self.manifest, self.known = manifest, tuple(known)

    def __missing__(self, name: str) -> Feature:
        """Raises: NoFeature, which is a KeyError."""
        dataset = self.manifest.dataset
        cure = f"Run make extract DATASET={dataset} STAGES={name}. {NO_STAGE}"
        raise NoFeature(f"{dataset}: feature {name!r} is not in the store.{nearest(name, self.known)} {cure}")


class Store:
    """A folder of datasets. Nothing is created until something is written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def datasets(self) -> list[str]:
        """Names of the datasets that have a manifest here."""
        return sorted(path.parent.name for path in self.root.glob("*/manifest.parquet"))

    def folder(self, dataset: str) -> Path:
        """Raises: UnknownName when nothing of ``dataset`` was extracted here; PluginError."""
        if dataset not in (known := self.datasets()):
            readers = plugins.names("pipeline.datasets")
            hint = "" if dataset in readers else meant(dataset, {*known, *readers})
            word = f"DATASET={dataset}" if dataset in readers else "DATASET=.. with the word meant"
            told = f"{self.root}: holds no dataset {dataset!r}.{hint} Known: {', '.join(known) or 'none'}."
            raise UnknownName(f"{told} Run make extract {word} first")
        return self.root / dataset

    def manifest(self, dataset: str) -> Manifest:
        """Raises: UnknownName, StoreError."""
        return Manifest.load(self.folder(dataset) / "manifest.parquet")

    def layout(self, dataset: str) -> Layout:
        """The shards of ``dataset`` as they were last planned."""
        return Layout(self.manifest(dataset), self._current(dataset).get("shard_images", IMAGES_PER_SHARD))

    def features(self, dataset: str, only: Iterable[str] | None = None) -> Features:
        """The features in use, by name. only: nothing of the others is opened. Raises: UnknownName, StoreError."""
        layout, in_use = self.layout(dataset), self.in_use(dataset)
        folder = self.folder(dataset)
        chosen = sorted(in_use if only is None else in_use.keys() & set(only))
        found = {name: Feature(folder / name / in_use[name], layout) for name in chosen}
        return Features(layout.manifest, found, in_use)

    def in_use(self, dataset: str) -> dict[str, str]:
        """Feature name -> the fingerprint in use. Raises: StoreError."""
        return dict(self._current(dataset).get("features", {}))

    def reading(self, dataset: str) -> dict[str, Any]:
        """What is known of the dataset's files since its manifest was made: ``box`` and ``max_pixels``, where they were
        said, ``annotation``, the digest of the one that ``box`` was said of, and ``root``, which names their folder.

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
        used = self.in_use(dataset)
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
    """True for ``{"shard_images": 1.., "features": {name: fingerprint}, "reading": {"box": "..", "max_pixels": 1..,
    "annotation": "..", "root": ".."}}`` or part of it; names stay in the folder."""
    if not isinstance(current, dict):
        return False
    size, features = current.get("shard_images", IMAGES_PER_SHARD), current.get("features", {})
    if not (type(size) is int and size > 0 and isinstance(features, dict)):
        return False
    if not isinstance(reading := current.get("reading", {}), dict):
        return False
    cap = reading.get("max_pixels", 1)
    texts = [reading.get(name, "") for name in ("box", "annotation", "root")]
    if not (all(isinstance(text, str) for text in texts) and type(cap) is int and cap > 0):
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
