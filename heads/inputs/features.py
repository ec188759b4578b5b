"""A part of the store as tensors on one device."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.errors import ConfigError, StoreError, unknown
from cache.feature import Feature
from cache.manifest import Manifest
from cache.spec import Status
from cache.store import Features
from heads.inputs.stored import Stored

DEVICES = ("cpu", "cuda")


class NoVectors(ConfigError):  # noqa: N818 (reads as what it is)
    """An array has other rows than a head takes. array: its name."""

    def __init__(self, told: str, array: str) -> None:
        super().__init__(told)
        self.array = array


@dataclass(frozen=True)
class Split:
    """rows: (n,) manifest rows, ascending. tensors: input name -> (n, d) float32 on one device, (n,) of an array of
    single numbers. stored: those whose rows stay in the store. present: input name -> (n,) True where the feature's
    status is ok."""

    rows: NDArray[np.int64]
    tensors: Mapping[str, Tensor]
    stored: Mapping[str, Stored]
    present: Mapping[str, NDArray[np.bool_]]

    def widths(self) -> dict[str, Any]:
        """Input name -> d, or the shape of a row that is no vector."""
        vectors = {name: tensor.shape[1] if tensor.ndim > 1 else () for name, tensor in self.tensors.items()}
        return vectors | {name: one.row for name, one in self.stored.items()}

    def having(self, inputs: Sequence[str], size: int) -> NDArray[np.bool_]:
        """(size,) over the manifest's rows: True where every one of ``inputs`` is there."""
        out = np.zeros(size, dtype=bool)
        out[self.rows] = np.logical_and.reduce(
            [np.ones(len(self.rows), dtype=bool), *(self.present[i] for i in inputs)]
        )
        return out

    def take(self, inputs: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """(len(rows), d) of each input that is in memory, in the order of ``rows`` (manifest rows that are in this
        split)."""
        places = np.searchsorted(self.rows, rows)
        known = {name: self.tensors[name] for name in inputs if name not in self.stored}
        return {name: x[torch.as_tensor(places, device=x.device)] for name, x in known.items()}

    def left(self, inputs: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Stored]:
        """As ``take``, of those that stay in the store."""
        places = np.searchsorted(self.rows, rows)
        return {name: self.stored[name].take(places) for name in inputs if name in self.stored}


def device(name: str) -> torch.device:
    """Raises: UnknownName for another word, ConfigError for ``cuda`` on a machine without."""
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device cuda: torch sees no CUDA device on this machine. Take DEVICE=cpu")
    return torch.device(name)


def load_split(
    features: Features,
    manifest: Manifest,
    inputs: Sequence[str],
    rows: NDArray[np.int64],
    on: torch.device,
    arrays: Collection[str] = (),
) -> Split:
    """Read each input once, checked by the store, for the given manifest rows (of usable people).

    inputs: ``feature/array`` names. arrays: those of them whose rows may have any shape; where it is no vector they
    stay in the store. An image's feature is repeated for each of its people. Whole numbers become floats.
    Raises: StoreError when a feature or one of its rows is not in the store, or the store's annotation is not
    ``manifest`` any more; UnknownName for an unknown array; NoVectors when an array is not one number per channel.
    """
    if features.manifest.source != manifest.source:
        raise StoreError(f"{manifest.dataset}: its annotation was read anew in between. Run the same command again")
    rows = np.unique(rows)
    tensors, left, present = {}, {}, {}
    for name in sorted(set(inputs)):
        feature, array = _find(features, name, name in arrays)
        if len(feature.spec(array).shape) > 1:
            left[name] = Stored.of(feature, array, rows, on)
            present[name] = feature.status_of_people(rows) == Status.OK
            continue
        values, status = feature.of_people(array, rows)
        present[name] = status == Status.OK
        tensors[name] = torch.as_tensor(values.astype(np.float32), device=on)
    return Split(rows, tensors, left, present)


def _find(features: Features, name: str, any_shape: bool) -> tuple[Feature, str]:
    word, _, array = name.partition("/")
    feature = features[word]
    if len(shape := feature.spec(array).shape) != 1 and not any_shape:
        clips = f", {frames} frames of a clip" if (frames := feature.info.get("frames")) else ""
        cure = f"Take a head for {'clips' if clips else 'such rows'}, docs/heads.md"
        raise NoVectors(f"{name}: one row has shape {shape}{clips}; a head takes vectors, (d,). {cure}", name)
    return feature, array
