"""One array of a feature with a row for each of some people, read from the memory map when it is indexed."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.feature import Feature
from cache.spec import Status

DEFAULT = "pooled"
"""The array that a feature's name alone means."""
Index = slice | Sequence[int] | NDArray[Any]
"""Of several people, as numpy takes it: a slice, their places, or a mask."""


def full_name(word: str) -> str:
    """``feature/array`` of a feature's word: ``body`` is ``body/pooled``, ``scene/scores`` itself."""
    return word if "/" in word else f"{word}/{DEFAULT}"


class Aligned:
    """(n, *shape), in the stored dtype. Nothing is read before it is indexed, and then only those rows; each shard is
    mapped, and checked by its digest, when it is first touched.

    ``array[3]``, ``array[2:9]``, ``array[places]``, ``array[mask]`` give numpy arrays, ``numpy.asarray(array)`` or
    ``array.numpy()`` all rows. An image's row is repeated for each of its people. A row whose status is not ok holds
    the array's missing value, most often 0: see ``missing``.
    """

    def __init__(self, feature: Feature, array: str, rows: NDArray[np.int64]) -> None:
        """rows: (n,) of the manifest, persons only. Raises: UnknownName for an array that the feature does not have."""
        self.spec = feature.spec(array)
        self.feature, self.array, self.rows = feature, array, rows

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *shape of one row)."""
        return (len(self.rows), *self.spec.shape)

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """As it is stored."""
        return np.dtype(self.spec.dtype)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | Index) -> NDArray[Any]:
        """The rows that an index, slice, list, array or mask of the first axis chooses. Raises: IndexError, StoreError,
        ShardError."""
        return self.read(index)[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[place] for place in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(f"{self.feature.name}/{self.array}: its rows lie in a store, so reading them makes a copy")
        values = self.numpy()
        return values if dtype is None else values.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<{self.feature.name}/{self.array}: {self.shape} {self.dtype}, not read>"

    def read(self, index: int | Index) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """The rows as indexing gives them, and the status of each."""
        chosen = np.asarray(self.rows[index])
        values, status = self.feature.of_people(self.array, chosen.reshape(-1))
        return values.reshape(*chosen.shape, *self.spec.shape), status.reshape(chosen.shape)

    def numpy(self) -> NDArray[Any]:
        """All rows in memory."""
        return self[:]

    def take(self, index: Index) -> "Aligned":
        """The same array for some of its people; nothing is read."""
        return Aligned(self.feature, self.array, self.rows[index])

    @cached_property
    def status(self) -> NDArray[np.uint8]:
        """(n,) of the feature's rows, numbers of ``cache.spec.Status``."""
        return self.feature.status_of_people(self.rows)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(n,) True where there is no value: no face was found, the file is broken, ..."""
        return np.asarray(self.status != Status.OK)
