"""Arrays whose rows are compressed one by one, so that one row is read without the others.

In the file each is an HDF5 dataset of one chunk a row, with HDF5's own shuffle and deflate filters. A second dataset,
``<name>.rows``, holds where each chunk's bytes lie, so that they are read as a memory map and without HDF5.
"""

import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from cache.errors import ShardError

LEVEL = 1
"""Of zlib's nine: on rectified float16 maps the fourth saves 4 % more in 1.6 times the time, the sixth 6 % in 4.6."""
RATIO = 1032
"""The most that deflate can shrink anything: 258 bytes in two bits."""


class PackedRows:
    """A compressed array, (n, *shape). Index its rows as numpy's: each access decompresses just these, anew."""

    def __init__(
        self, name: str, data: memoryview, table: NDArray[np.int64], dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> None:
        """name: for errors. data: the whole file. table: (n, 2), offset and size of each row in it.

        Raises: ShardError when the table leads out of the file, rows overlap, or a row is larger than its bytes can
        tell: nothing is allocated on a foreign file's word.
        """
        self.name, self.dtype, self.shape = name, dtype, shape
        self._data, self._table = data, table
        if fault := _fault(table, len(data), self._row_size):
            raise ShardError(f"{name}: {fault}")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | Sequence[int] | NDArray[Any]) -> NDArray[Any]:
        """The rows that an index, slice, list or array of the first axis chooses. Raises: ShardError, IndexError."""
        chosen = np.arange(len(self))[rows]
        if chosen.ndim == 0:
            return self._row(int(chosen))
        out = np.empty((*chosen.shape, *self.shape[1:]), dtype=self.dtype)
        for place in np.ndindex(chosen.shape):
            out[place] = self._row(int(chosen[place]))
        return out

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return map(self._row, range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(f"{self.name}: is compressed, so reading it makes a copy")
        return self.copy() if dtype is None else self.copy().astype(dtype, copy=False)

    def copy(self) -> NDArray[Any]:
        """All rows in memory."""
        return self[:]

    def tobytes(self) -> bytes:
        """The bytes of ``copy``."""
        return self.copy().tobytes()

    def digest(self) -> str:
        """xxh3-128 of all rows' bytes, with one row in memory at a time. Raises: ShardError."""
        state = xxhash.xxh3_128()
        for row in self:
            state.update(row.tobytes())
        return state.hexdigest()

    @property
    def _row_size(self) -> int:
        size = self.dtype.itemsize
        for extent in self.shape[1:]:
            size *= extent
        return size

    def _row(self, row: int) -> NDArray[Any]:
        offset, size = self._table[row].tolist()
        try:
            raw = unpack(self._data[offset : offset + size], self._row_size, self.dtype.itemsize)
        except ShardError as error:
            raise ShardError(f"{self.name}: row {row} {error}") from None
        return np.frombuffer(raw, dtype=self.dtype).reshape(self.shape[1:])


def pack(row: NDArray[Any]) -> bytes:
    """Compressed bytes of one C-contiguous row: the first bytes of all values, then the second ones, ..., deflated."""
    planes = row.reshape(-1).view(np.uint8).reshape(-1, row.dtype.itemsize).T
    return zlib.compress(planes.tobytes(), LEVEL)


def unpack(data: bytes | memoryview, size: int, itemsize: int) -> bytes:
    """The ``size`` bytes that ``pack`` was given; never makes more than one byte beyond them.

    Raises: ShardError, whose text goes on from the row's number, when the bytes are no such row.
    """
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise ShardError(f"cannot be decompressed ({error})") from None
    if len(raw) != size or not stream.eof or stream.unused_data:
        raise ShardError(f"is not {size} bytes when decompressed")
    return np.frombuffer(raw, np.uint8).reshape(itemsize, -1).T.tobytes()


def pack_all(array: NDArray[Any]) -> list[bytes]:
    """Each row of a C-contiguous ``array`` of at least one value compressed, in threads."""
    with ThreadPoolExecutor() as threads:
        return list(threads.map(pack, array.reshape(len(array), -1)))


def _fault(table: NDArray[np.int64], size: int, row_size: int) -> str:
    """Why a file of ``size`` bytes cannot hold these rows; "" when it can."""
    offsets, sizes = table[:, 0], table[:, 1]
    if (table < 0).any() or (offsets > size).any() or (sizes > size - offsets).any():
        return f"its rows lie outside the file, which holds {size} bytes"
    order = np.argsort(offsets, kind="stable")
    if (offsets[order][1:] < (offsets + sizes)[order][:-1]).any():
        return "its rows lie one over the other"
    least = int(sizes.min(initial=size))
    if len(table) and row_size > RATIO * least:
        return f"a row declares {row_size} bytes, which {least} compressed bytes cannot hold"
    return ""
