"""What all cells of one table share: people under one protocol, and their features on a device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cache.errors import ConfigError, TooLittleData
from cache.fingerprint import digest, fingerprint
from cache.manifest import Manifest
from cache.spec import Granularity
from cache.store import Features, Store
from heads.experiments.cell import Cell
from heads.head import BOXES, Head
from heads.inputs import standardise
from heads.inputs.features import Split, device, load_split
from heads.inputs.samples import Samples
from heads.inputs.standardise import Scale
from heads.learning import training
from heads.protocol import Protocol
from heads.task import PARTS, Task
from heads.trial import Trial


@dataclass(frozen=True)
class Bench:
    """task: of the whole manifest under the protocol. split: every input of the cells, on the device."""

    manifest: Manifest
    features: Features
    protocol: Protocol
    task: Task
    split: Split
    device: torch.device

    def having(self, inputs: Sequence[str]) -> tuple[Task, dict[str, int]]:
        """The task without the people who lack one of ``inputs``, and how many each part lost."""
        return self.task.only(self.split.having(inputs, len(self.manifest)))

    def scales(self, task: Task, head: Head) -> dict[str, Scale]:
        """Of the inputs that ``head`` wants standardised, by the training people of ``task``."""
        known = self.split.take(head.standardised(), task.train)
        return {name: standardise.fit(x) for name, x in known.items()}

    def samples(
        self,
        head: Head,
        scales: Mapping[str, Scale],
        rows: NDArray[np.int64],
        targets: Mapping[str, NDArray[np.generic]] | None = None,
    ) -> Samples:
        """What ``head`` reads of the people in ``rows``, scaled, and what the task gives. targets: (n, ...) by kind,
        for training."""
        known = self.split.take(head.inputs, rows)
        scaled = {name: scales[name](x) if name in scales else x for name, x in known.items()}
        mine = {kind: self.task.targets[kind][rows] for kind in self.task.given} if targets is None else targets
        told = {kind: torch.as_tensor(mine[kind], device=self.device) for kind in self.task.given}
        return Samples.of({**scaled, **told}, rows, targets or {}, self.device, self.split.left(head.inputs, rows))

    def shortened(self, cells: Sequence[Cell]) -> list[str]:
        """A line for the cells that have fewer people to train on than a batch has."""
        found: dict[str, list[str]] = {}
        for one in (cell for cell in cells if cell.model.trains):
            told = training.shortened(len(self.having(one.inputs)[0].train), one.recipe)
            found.setdefault(told, []).append(one.name)
        return [f"{', '.join(names)}: {told}." for told, names in found.items() if told]

    def scored_on(self, task: Task, trial: Trial) -> dict[str, object]:
        """What two rows must have in common to be paired: the people with what is right of them, and what the protocol
        says."""
        told = [digest(np.ascontiguousarray(values[trial.rows]).tobytes()) for values in task.targets.values()]
        keys = [self.manifest.keys[row] for row in trial.rows]
        return {"people": fingerprint([keys, *told]), **trial.scored_on()}


def prepare(store: Store, dataset: str, protocol: Protocol, cells: Sequence[Cell], on: str) -> Bench:
    """Label the people, refuse what is too little, then read every input of the cells once.

    Raises: UnknownName, TooLittleData, StoreError, ShardError, ConfigError.
    """
    where = device(on)
    manifest = store.manifest(dataset)
    task = protocol.task(manifest)
    for cell in cells:
        check(protocol, manifest, task, cell)
    features = store.features(dataset)
    rows = np.concatenate([getattr(task, part) for part in PARTS])
    inputs = {name for cell in cells for name in cell.inputs}
    vectors = {name for cell in cells for name in cell.vectors}
    if BOXES in task.sizes:
        _check_whole(features, sorted(inputs))
    split = load_split(features, manifest, sorted(inputs), rows, where, inputs - vectors)
    return Bench(manifest, features, protocol, task, split, where)


def _check_whole(features: Features, inputs: Sequence[str]) -> None:
    """Of a task whose samples are images with all their people. Raises: ConfigError for an input of one of them."""
    for name in inputs:
        feature = name.partition("/")[0]
        if features[feature].granularity is Granularity.PERSON:
            told = f"{name}: has a row for each person, and this task's samples are photographs with all their people"
            raise ConfigError(f"{told}. Give features of whole photographs; {feature} is of one person each")


def check(protocol: Protocol, manifest: Manifest, task: Task, cell: Cell) -> None:
    """Refuse a task that cannot be trained on or judged. Raises: TooLittleData with every reason, and what is
    needed."""
    faults = training.faults(task, cell.recipe) if cell.model.trains else []
    if told := [*faults, *protocol.faults(manifest, task, cell.recipe)]:
        small = any("(per_class)" in one for one in faults)
        fewer = f', or SET="{training.grouped(task, cell.recipe)}"' if small else ""
        cure = f"Take more data or another PROTOCOL{fewer}"
        raise TooLittleData(f"{task.dataset} {task.protocol}: {'; '.join(told)}. {cure}")
