"""Rows of an array that are too large for memory: they stay in the store's memory-mapped shards."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cache.chunks import PackedRows
from cache.feature import Feature
from cache.fingerprint import digest

LARGE = 2**16
"""Bytes of a row from which on several are read at once: they are decompressed on all cores, and a disk that has to be
asked answers them together."""
_READERS = 8


@dataclass(frozen=True)
class Stored:
    """Stands where a tensor (n, *row) would. parts: arrays of shards. places: (n, 2) part and row in it of each row;
    people of one image have the same. identity: of what the parts hold. row: its shape. on: where tensors are made."""

    parts: Sequence[NDArray[Any] | PackedRows]
    places: NDArray[np.int64]
    identity: str
    row: tuple[int, ...]
    on: torch.device

    @classmethod
    def of(cls, feature: Feature, array: str, rows: NDArray[np.int64], on: torch.device) -> "Stored":
        """The manifest's ``rows`` (n,) of people. Raises: StoreError, ShardError as ``Feature.of_people``."""
        parts, places = feature.parts(array, rows)
        return cls(parts, places, f"{feature.fingerprint} {feature.digest()}", feature.spec(array).shape, on)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *row)."""
        return (len(self), *self.row)

    def take(self, rows: NDArray[np.int64]) -> "Stored":
        """Those at ``rows`` (m,), still in the store."""
        return replace(self, places=self.places[rows])

    def index_select(self, dim: int, rows: Tensor) -> Tensor:
        """(m, *row) float32: those at ``rows`` (m,), read now. dim: 0, as there is no other to select by.

        Raises: ShardError for a compressed row that is damaged.
        """
        assert dim == 0
        chosen = self.places[rows.cpu().numpy()]
        out = np.empty((len(chosen), *self.row), self.parts[0].dtype if self.parts else np.float32)

        together = min(_READERS, len(out)) if len(out) > 1 and out[0].nbytes >= LARGE else 1

        def read(first: int) -> None:
            for place in range(first, len(out), together):
                part, row = chosen[place].tolist()
                out[place] = self.parts[part][row]

        if together > 1:
            with ThreadPoolExecutor(together) as threads:
                for _ in threads.map(read, range(together)):
                    pass
        else:
            read(0)
        return torch.from_numpy(out).to(self.on).float()

    def told(self) -> str:
        """What training on these rows depends on."""
        return digest(self.identity.encode() + np.ascontiguousarray(self.places).tobytes())
