"""What stands in for an input that is left out: its mean over the people that the head was trained on."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cache.errors import StoreError, UnknownName
from cache.spec import Status
from cache.store import Store
from heads import known_protocols
from heads.checkpoints.about import check_protocol
from heads.checkpoints.checkpoint import Checkpoint
from heads.experiments.loaded import check_store
from heads.inputs.features import load_split
from heads.inputs.stored import Stored

MOST = 1024
"""People over whom the mean of an array that is no vector is taken, evenly spaced among all."""
_ROWS = 64


def means(path: Path, checkpoint: Checkpoint, store: Path, mapping: Path | None) -> dict[str, Tensor]:
    """By input, the shape of its rows. Those of standardised inputs are in the checkpoint; for others the ``store`` is
    read.

    path: of the checkpoint. mapping: the one it was trained with, if it was not the protocol's own. Raises: StoreError
    where the store that is needed is not there, or is another than the head was trained on.
    """
    found: dict[str, Tensor] = {name: scale.mean for name, scale in checkpoint.scales.items()}
    left = [name for name in checkpoint.inputs if name not in found]
    return found | (_read(path, checkpoint, Store(store), mapping, left) if left else {})


def _read(path: Path, checkpoint: Checkpoint, store: Store, mapping: Path | None, left: list[str]) -> dict[str, Tensor]:
    about = checkpoint.about
    try:
        manifest = store.manifest(about["dataset"])
    except (StoreError, UnknownName) as error:
        told = f"{left[0]} is not standardised by the head, so its mean over the training people is read from the store"
        raise StoreError(f"{told}: {error}") from None
    features = store.features(manifest.dataset)
    check_store(path, about, {name: one.fingerprint for name, one in features.items()} | {"": manifest.source})
    protocol = known_protocols.find(about["protocol"], mapping)
    check_protocol(path, about, protocol)
    rows = protocol.task(manifest).train
    for name in checkpoint.inputs:
        rows = rows[features[name.partition("/")[0]].status_of_people(rows) == Status.OK]
    arrays = checkpoint.head.arrays_of(checkpoint.recipe)
    split = load_split(features, manifest, left, rows, torch.device("cpu"), arrays)
    vectors: Mapping[str, Tensor] = split.tensors
    return {name: x.double().mean(0).float() for name, x in vectors.items()} | {
        name: _mean(x) for name, x in split.stored.items()
    }


def _mean(x: Stored) -> Tensor:
    """Over at most MOST rows."""
    count = min(MOST, len(x))
    chosen = np.linspace(0, len(x) - 1, count).round().astype(np.int64)
    total = torch.zeros(x.row, dtype=torch.float64)
    for start in range(0, count, _ROWS):
        total += x.index_select(0, torch.from_numpy(chosen[start : start + _ROWS])).double().sum(0)
    return (total / count).float()
