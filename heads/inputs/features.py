"""A part of the store as tensors on one device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.errors import ConfigError, StoreError, nearest, unknown
from cache.feature import Feature
from cache.manifest import Manifest
from cache.spec import Granularity, Status

DEVICES = ("cpu", "cuda")
NO_STAGE = "Where its CONFIG has no stage of that name, add it there first"


@dataclass(frozen=True)
class Split:
    """rows: (n,) manifest rows, ascending. tensors: input name -> (n, d) float32 on one device.
    present: input name -> (n,) True where the feature's status is ok."""

    rows: NDArray[np.int64]
    tensors: Mapping[str, Tensor]
    present: Mapping[str, NDArray[np.bool_]]

    def widths(self) -> dict[str, int]:
        """Input name -> d."""
        return {name: tensor.shape[1] for name, tensor in self.tensors.items()}

    def having(self, inputs: Sequence[str], size: int) -> NDArray[np.bool_]:
        """(size,) over the manifest's rows: True where every one of ``inputs`` is there."""
        out = np.zeros(size, dtype=bool)
        out[self.rows] = np.logical_and.reduce(
            [np.ones(len(self.rows), dtype=bool), *(self.present[i] for i in inputs)]
        )
        return out

    def take(self, inputs: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """(len(rows), d) of each input, in the order of ``rows`` (manifest rows that are in this split)."""
        places = np.searchsorted(self.rows, rows)
        return {name: self.tensors[name][torch.as_tensor(places, device=self.tensors[name].device)] for name in inputs}


def device(name: str) -> torch.device:
    """Raises: UnknownName for another word, ConfigError for ``cuda`` on a machine without."""
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: torch sees no CUDA device on this machine. Take DEVICE=cpu")
    return torch.device(name)


def load_split(
    features: Mapping[str, Feature],
    manifest: Manifest,
    inputs: Sequence[str],
    rows: NDArray[np.int64],
    on: torch.device,
) -> Split:
    """Read each input once, checked by the store, for the given manifest rows (of usable people).

    inputs: ``feature/array`` names. An image's feature is repeated for each of its people. Whole numbers become floats.
    Raises: StoreError when a feature or one of its rows is not in the store; UnknownName for an unknown array;
    ConfigError when an array is not one number per channel.
    """
    rows = np.unique(rows)
    tensors, present = {}, {}
    for name in sorted(set(inputs)):
        feature, array = _find(features, manifest.dataset, name)
        values, status = _read(feature, array, manifest, rows)
        present[name] = status == Status.OK
        tensors[name] = torch.as_tensor(values.astype(np.float32), device=on)
    return Split(rows, tensors, present)


def _find(features: Mapping[str, Feature], dataset: str, name: str) -> tuple[Feature, str]:
    word, _, array = name.partition("/")
    if word not in features:
        cure = f"Run make extract DATASET={dataset} STAGES={word}. {NO_STAGE}"
        raise StoreError(f"{dataset}: feature {word!r} is not in the store.{nearest(word, features)} {cure}")
    feature = features[word]
    if array in feature.arrays and len(feature.arrays[array].shape) != 1:
        raise ConfigError(f"{name}: one row has shape {feature.arrays[array].shape}; a head takes vectors, (d,)")
    return feature, array


def _read(
    feature: Feature, array: str, manifest: Manifest, rows: NDArray[np.int64]
) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    if feature.granularity is Granularity.PERSON:
        return feature.read(array, [manifest.keys[row] for row in rows])
    images, place = np.unique(np.array([manifest.images[row] for row in rows], dtype=object), return_inverse=True)
    values, status = feature.read(array, [str(image) for image in images])
    return values[place], status[place]
