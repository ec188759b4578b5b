"""A trained row from its checkpoint, or several rows as one, beside the people of the store's dataset."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cache.errors import ConfigError, StoreError
from cache.fingerprint import digest_files
from cache.manifest import Manifest
from cache.store import Store
from heads import known_protocols
from heads.checkpoints import checkpoint
from heads.checkpoints.about import check_protocol
from heads.checkpoints.checkpoint import Checkpoint
from heads.experiments.bench import Bench
from heads.experiments.joined import How, joined
from heads.head import CLASS, Output
from heads.inputs.features import device, load_split
from heads.inputs.samples import outputs
from heads.learning.training import Recipe
from heads.protocol import Protocol
from heads.task import Task

Rows = NDArray[np.int64]
Read = Callable[[Protocol, Manifest, Task], Rows]
"""Which rows of the manifest are read of the store."""
JOINED = frozenset({"logits", "dimensions"})
"""What of heads' outputs several are one of."""


@dataclass(frozen=True)
class Member:
    """One trained row. name: as it is told. bench: the people with its features."""

    name: str
    loaded: Checkpoint
    bench: Bench

    @property
    def here(self) -> NDArray[np.bool_]:
        """(n,) over the manifest: who was read and has its features."""
        return self.bench.split.having(self.loaded.head.inputs, len(self.bench.manifest))

    def said(self, rows: Rows, fields: frozenset[str] = JOINED) -> Output:
        """Those of ``fields`` that the head gives, of people who have its features."""
        head, known = self.loaded.head, self.loaded
        samples = self.bench.samples(head, known.scales, rows)
        return outputs(head, samples, len(known.about["seeds"]), sorted(fields & head.gives))


@dataclass(frozen=True)
class Loaded:
    """about, recipe, memory: as of ``Checkpoint``; several members have the judging of the first. votes: how much each
    of the members counts."""

    about: Mapping[str, Any]
    recipe: Recipe
    memory: Mapping[str, Tensor]
    members: Sequence[Member]
    how: How = "average"
    votes: Sequence[float] = (1.0,)

    @property
    def protocol(self) -> Protocol:
        """What it was trained under."""
        return self.members[0].bench.protocol

    @property
    def manifest(self) -> Manifest:
        """Of its dataset."""
        return self.members[0].bench.manifest

    @property
    def here(self) -> NDArray[np.bool_]:
        """(n,) over the manifest: who was read and has the features of every member."""
        return np.asarray(np.logical_and.reduce([one.here for one in self.members]))

    def task(self) -> tuple[Task, dict[str, int]]:
        """Without the people who lack a feature, and how many each part lost."""
        return self.members[0].bench.task.only(self.here)

    def said(self, rows: Rows) -> Output:
        """Of people who are ``here``: every field that a single head gives; of several, logits and dimensions."""
        if len(self.members) == 1:
            (one,) = self.members
            return one.said(rows, one.loaded.head.gives)
        return self.joined([one.said(rows) for one in self.members])

    def joined(self, every: Sequence[Output]) -> Output:
        """What the members say, as one."""
        return joined(every, self.how, self.votes, CLASS in self.members[0].bench.task.targets)


def load(path: Path, store: Store, mapping: Path | None, on: str, read: Read) -> Loaded:
    """The head at ``path``, or the members of the ensemble there. mapping: the one it was trained with, if it was not
    the protocol's own.

    Raises: WeightsError for a checkpoint; StoreError when the store holds another state of annotation or features than
    it was trained on, for another mapping, and for an ensemble whose members are others by now.
    """
    if checkpoint.about(path)["head"] != checkpoint.ENSEMBLE:
        one = _member(str(path), path, checkpoint.load(path, on), store, mapping, on, read)
        return Loaded(one.loaded.about, one.loaded.recipe, one.loaded.memory, [one])
    about, memory = checkpoint.load_ensemble(path)
    rows = about["settings"]["rows"]
    paths = {one["path"]: path.parent / f"{one['path']}.safetensors" for one in rows}
    for one, file in zip(rows, paths.values(), strict=True):
        if not file.is_file() or digest_files([file]) != one["digest"]:
            told = f"{path}: is made of {one['path']}, and {file} is not there or another one by now"
            raise StoreError(f"{told}. Run make ablate, or make ensemble, again")
    found = members(paths, store, mapping, on, read)
    votes = [one["votes"] for one in rows]
    return Loaded(about, found[0].loaded.recipe, memory, found, about["settings"]["how"], votes)


def members(paths: Mapping[str, Path], store: Store, mapping: Path | None, on: str, read: Read) -> Sequence[Member]:
    """The trained rows at ``paths``, name -> checkpoint, that are to be one. Raises: ConfigError when they do not go
    together; and as ``load``."""
    loaded = {name: checkpoint.load(path, on) for name, path in paths.items()}
    (first, known), *others = loaded.items()
    for name, other in others:
        _check_alike(first, known, name, other)
    for name, one in loaded.items():
        if "logits" not in one.head.gives:
            raise ConfigError(f"{name}: head {one.about['head']} gives no logits, of which an ensemble is made")
    found = [_member(name, paths[name], one, store, mapping, on, read) for name, one in loaded.items()]
    protocol = found[0].bench.protocol
    if lacking := sorted(protocol.asks - JOINED):
        told = f"protocol {protocol.name} judges by {', '.join(lacking)}"
        raise ConfigError(f"{first}: {told}; an ensemble is made of logits and dimensions")
    return found


def _check_alike(first: str, known: Checkpoint, name: str, other: Checkpoint) -> None:
    """Raises: ConfigError where two rows are not of the same people, protocol and judging."""
    for word in ("dataset", "source", "protocol", "seeds", "task", "sizes"):
        if known.about[word] != other.about[word]:
            told = f"{first} has {word} {_short(known.about[word])}, {name} {_short(other.about[word])}"
            raise ConfigError(f"{told}. Only rows of the same people, protocol and seeds are one ensemble")
    for setting in sorted(known.recipe.judging):
        if getattr(known.recipe, setting) != getattr(other.recipe, setting):
            told = f"{first} has {setting} = {getattr(known.recipe, setting)}, {name} "
            raise ConfigError(f"{told}{getattr(other.recipe, setting)}. Train them with the same")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _member(
    name: str, path: Path, loaded: Checkpoint, store: Store, mapping: Path | None, on: str, read: Read
) -> Member:
    about, manifest, where = loaded.about, store.manifest(loaded.about["dataset"]), device(on)
    features = store.features(manifest.dataset)
    check_store(path, about, {word: one.fingerprint for word, one in features.items()} | {"": manifest.source})
    protocol = known_protocols.find(about["protocol"], mapping)
    check_protocol(path, about, protocol)
    whole = protocol.task(manifest)
    rows, arrays = read(protocol, manifest, whole), loaded.head.arrays_of(loaded.recipe)
    split = load_split(features, manifest, loaded.head.inputs, rows, where, arrays)
    return Member(name, loaded, Bench(manifest, features, protocol, whole, split, where))


def check_store(path: Path, about: Mapping[str, Any], now: Mapping[str, str]) -> None:
    """now: feature -> fingerprint in the store, "" -> the annotation's. Raises: StoreError where the checkpoint at
    ``path`` was trained on others."""
    wanted = {**about["features"], "": about["source"]}
    for name in wanted:
        if now.get(name) != wanted[name]:
            what = f"feature {name} {wanted[name]}" if name else "another state of the annotation"
            cure = f"Run make extract DATASET={about['dataset']} with the settings of then, or make train again"
            raise StoreError(f"{path}: was trained on {what}, the store has {now.get(name, 'none')}. {cure}")
