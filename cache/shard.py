"""One HDF5 file: written once, atomically; read only after every byte was checked.

Layout: a user block of 4096 bytes (``header.py``), then an HDF5 file with the datasets ``key``, ``status``, ``message``
and one dataset per array, contiguous and uncompressed or, where its spec says so, compressed row by row
(``chunks.py``), each with the xxh3-128 of its values as the attribute ``xxh3_128``. Any HDF5 program reads it. We read
it without HDF5: the header says where each dataset's bytes lie and holds the digest of all bytes after the block. So a
flipped bit in HDF5's own metadata is found like one in the data, nothing that the metadata of a foreign file says
(links, external or virtual storage, sizes) is followed or believed, and a plan needs the first page of a file only.
"""

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from cache.chunks import LEVEL, PackedRows, pack_all
from cache.errors import ShardError
from cache.files import replace
from cache.fingerprint import digest
from cache.header import BLOCK, CURE, Header, Place, read_header, seal
from cache.spec import ArraySpec, Status

MESSAGE_BYTES = 400
TABLE = ".rows"
"""Suffix of the dataset that says where the rows of a compressed one lie. No array's name holds a point."""


@dataclass(frozen=True)
class Rows:
    """The content of one shard; all sequences have the same length n. arrays: name -> (n, *shape)."""

    keys: Sequence[str]
    status: NDArray[np.uint8]
    messages: Sequence[str]
    arrays: Mapping[str, NDArray[Any]]


def write(path: Path, fingerprint: str, source: str, specs: Mapping[str, ArraySpec], rows: Rows) -> Header:
    """Check the rows against their specs and make the file appear, whole, in a folder that exists.

    The file is laid out in memory first, so that a full disk meets one plain write and never HDF5's own state.
    Raises: ShardError when an array is not as declared; StoreError when the disk refuses.
    """
    _check(specs, rows)
    image, places, packed = _image(specs, rows)
    words, numbers = np.unique(np.asarray(rows.status), return_counts=True)
    counts = {Status(int(word)).word: int(number) for word, number in zip(words, numbers, strict=True)}
    header = Header(fingerprint, source, len(rows.keys), counts, len(image), digest(image), places, packed)
    replace(path, [seal(path, header), image])
    return header


class Shard:
    """A checked, memory-mapped shard."""

    def __init__(self, path: Path) -> None:
        """Raises: ShardError when any byte differs from what was written, or the file is not a plain shard."""
        self.path = path
        self.header = read_header(path)
        self._map = _checked_map(path, self.header)
        self._places = dict(self.header.places)
        self.keys: list[str] = self._texts("key")
        self.status: NDArray[np.uint8] = self._column("status", "|u1")
        self.messages: list[str] = self._texts("message")
        if self.status.max(initial=0) > max(Status):
            raise ShardError(f"{path}: the ledger's 'status' holds {self.status.max()}, which is no status")
        self._packed = {name: self._open_packed(name, place) for name, place in self.header.packed.items()}
        self.digests = {name: place.digest for name, place in (self._places | self.header.packed).items()}

    @property
    def names(self) -> list[str]:
        """The arrays' names."""
        return list(self.digests)

    def array(self, name: str) -> NDArray[Any] | PackedRows:
        """(rows, *shape): a read-only view of the map, copy what you keep; or, of a compressed array, its rows.

        Raises: ShardError when the shard has no such array.
        """
        if name not in self.digests:
            raise ShardError(f"{self.path}: has no array {name!r}; it has {', '.join(self.digests)}")
        return self._packed[name] if name in self._packed else self._view(self._places[name])

    def is_whole(self, name: str) -> bool:
        """Whether the array's values have the digest they were written with. Raises: ShardError as ``array`` does."""
        array = self.array(name)
        found = array.digest() if isinstance(array, PackedRows) else digest(_bytes(array))
        return found == self.digests[name]

    def _column(self, name: str, dtype: str) -> NDArray[Any]:
        """One column of the ledger, which is then no array any more. dtype: "|u1", or "|S" of any length."""
        place = self._places.pop(name, None)
        if place is None:
            raise ShardError(f"{self.path}: has no dataset {name!r}")
        if not place.dtype.startswith(dtype) or place.shape != (self.header.rows,):
            told = f"{place.dtype} {place.shape}, the header says {self.header.rows} rows"
            raise ShardError(f"{self.path}: the ledger's {name!r} is {told}")
        return self._view(place)

    def _texts(self, name: str) -> list[str]:
        try:
            return [text.decode() for text in self._column(name, "|S").tolist()]
        except UnicodeDecodeError:
            raise ShardError(f"{self.path}: the ledger's {name!r} is not UTF-8") from None

    def _view(self, place: Place) -> NDArray[Any]:
        flat = np.frombuffer(self._map, dtype=np.uint8, count=place.size, offset=place.offset)
        return flat.view(place.dtype).reshape(place.shape)

    def _open_packed(self, name: str, place: Place) -> PackedRows:
        table = self._view(place.table)
        return PackedRows(f"{self.path}:{name}", memoryview(self._map), table, np.dtype(place.dtype), place.shape)


def _check(specs: Mapping[str, ArraySpec], rows: Rows) -> None:
    n = len(rows.keys)
    if set(specs) != set(rows.arrays):
        raise ShardError(f"arrays {sorted(rows.arrays)} were computed, {sorted(specs)} are declared")
    if len(rows.status) != n or len(rows.messages) != n:
        raise ShardError(f"{n} keys, {len(rows.status)} statuses and {len(rows.messages)} messages")
    if len(set(rows.keys)) != n:
        raise ShardError("a key stands twice in one shard")
    for name, spec in specs.items():
        spec.validate(name, rows.arrays[name], n)


def _image(specs: Mapping[str, ArraySpec], rows: Rows) -> tuple[bytes, dict[str, Place], dict[str, Place]]:
    """The HDF5 file after its user block (which HDF5 leaves out of the image), and where its datasets lie: contiguous
    and compressed ones. An array of no bytes has nothing to compress."""
    options = {"libver": "latest", "userblock_size": BLOCK, "driver": "core", "backing_store": False}
    arrays = {name: np.ascontiguousarray(rows.arrays[name]) for name in sorted(rows.arrays)}
    packed = [name for name, array in arrays.items() if specs[name].compressed and array.size]
    with h5py.File("shard", "w", **options) as file:
        made = [
            _dataset(file, "key", _text(rows.keys)),
            _dataset(file, "status", np.asarray(rows.status, dtype=np.uint8)),
            _dataset(file, "message", _text([_clip(text) for text in rows.messages])),
            *(_dataset(file, name, array) for name, array in arrays.items() if name not in packed),
        ]
        tables = {name: _packed(file, name, arrays[name]) for name in packed}
        file.flush()
        places = {one.name[1:]: _place(one, one) for one in made}
        return bytes(file.id.get_file_image()), places, {name: _place(file[name], tables[name]) for name in packed}


def _dataset(file: h5py.File, name: str, array: NDArray[Any]) -> h5py.Dataset:
    made = file.create_dataset(name, data=array, track_times=False)
    made.attrs["xxh3_128"] = digest(_bytes(array))
    return made


def _packed(file: h5py.File, name: str, array: NDArray[Any]) -> h5py.Dataset:
    """Write ``array`` compressed, a chunk a row; returns its table, (n, 2): offset in the file and size of each."""
    chunk = {"chunks": (1, *array.shape[1:]), "shuffle": True, "compression": "gzip", "compression_opts": LEVEL}
    made = file.create_dataset(name, shape=array.shape, dtype=array.dtype, track_times=False, **chunk)
    made.attrs["xxh3_128"] = digest(_bytes(array))
    inner = (0,) * (array.ndim - 1)
    for row, data in enumerate(pack_all(array)):
        made.id.write_direct_chunk((row, *inner), data)
    told = [made.id.get_chunk_info_by_coord((row, *inner)) for row in range(len(array))]
    return _dataset(file, name + TABLE, np.array([(one.byte_offset, one.size) for one in told], dtype=np.int64))


def _place(dataset: h5py.Dataset, lies: h5py.Dataset) -> Place:
    """lies: what stands contiguous at the place's offset, the dataset itself or its table."""
    offset = lies.id.get_offset() if lies.size else BLOCK  # without rows it has no bytes, and lies nowhere
    return Place(dataset.dtype.str, dataset.shape, offset, str(dataset.attrs["xxh3_128"]))


def _bytes(array: NDArray[Any]) -> memoryview:
    """The bytes of a C-contiguous array, not copied."""
    return array.reshape(-1).view(np.uint8).data


def _text(texts: Sequence[str]) -> NDArray[np.bytes_]:
    raw = [text.encode() for text in texts]
    return np.array(raw, dtype=f"S{max((len(text) for text in raw), default=0) or 1}")


def _clip(text: str) -> str:
    return " ".join(text.split()).encode()[:MESSAGE_BYTES].decode(errors="ignore")


def _checked_map(path: Path, header: Header) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise ShardError(f"{path}: cannot be read: {error}") from None
    with memoryview(view) as whole, whole[BLOCK:] as rest:
        if len(rest) != header.size:
            raise ShardError(f"{path}: holds {len(rest)} bytes, {header.size} were written{CURE}")
        if digest(rest) != header.body:
            raise ShardError(f"{path}: bytes were changed after it was written{CURE}")
    return view
