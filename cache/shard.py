"""One HDF5 file: written once, atomically; read only after every byte was checked.

Layout: a user block of 4096 bytes (a JSON header, padded, that ends in its own digest), then an HDF5 file with the
datasets ``key``, ``status``, ``message`` and one contiguous, uncompressed dataset per array, each with its xxh3-128 as
the attribute ``xxh3_128``. Any HDF5 program reads it. We read it without HDF5: the header says where each dataset's
bytes lie and holds the digest of all bytes after the block. So a flipped bit in HDF5's own metadata is found like one
in the data, nothing that the metadata of a foreign file says (links, external or virtual storage, sizes) is followed
or believed, and a plan needs the first page of a file only.
"""

import json
import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from cache.errors import ShardError
from cache.files import replace
from cache.fingerprint import canonical, digest
from cache.spec import DTYPES, ArraySpec, Status

BLOCK = 4096
MAGIC = b"affect-cache shard 2\n"
_DIGEST = 32
_CURE = ". make repair makes it again"
MESSAGE_BYTES = 400
_DTYPES = frozenset(np.dtype(name).newbyteorder("<").str for name in DTYPES)
_TEXT = re.compile(r"\|S[1-9][0-9]{0,8}")


class Place(NamedTuple):
    """Where one dataset's bytes lie. dtype: as numpy writes it, little-endian. offset: from the file's first byte."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    digest: str

    @property
    def size(self) -> int:
        """Bytes; a Python integer, which no declared shape overflows."""
        size = np.dtype(self.dtype).itemsize
        for extent in self.shape:
            size *= extent
        return size


@dataclass(frozen=True)
class Header:
    """What the first page of a shard tells.

    fingerprint: of the feature. source: digest of the keys (and boxes) that the shard was made for.
    rows: how many. counts: rows by status word. size, body: length and digest of the bytes after the block.
    places: the datasets, by name.
    """

    fingerprint: str
    source: str
    rows: int
    counts: dict[str, int]
    size: int
    body: str
    places: dict[str, Place]


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
    image, places = _image(rows)
    words, numbers = np.unique(np.asarray(rows.status), return_counts=True)
    counts = {Status(int(word)).word: int(number) for word, number in zip(words, numbers, strict=True)}
    header = Header(fingerprint, source, len(rows.keys), counts, len(image), digest(image), places)
    front = (MAGIC + canonical(asdict(header)).encode()).ljust(BLOCK - _DIGEST)
    if len(front) > BLOCK - _DIGEST:
        raise ShardError(f"{path}: {len(places)} datasets are too many for one header of {BLOCK} bytes")
    replace(path, [front, digest(front).encode(), image])
    return header


def read_header(path: Path) -> Header:
    """The header alone; costs one read of 4 KiB. Raises: ShardError when it is damaged or not a shard's."""
    try:
        with path.open("rb") as file:
            block = file.read(BLOCK)
    except OSError as error:
        raise ShardError(f"{path}: cannot be read: {error.strerror}") from None
    return _parse_header(path, block)


class Shard:
    """A checked, memory-mapped shard. Arrays are read-only views of the map; copy what you keep."""

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
        self.digests = {name: place.digest for name, place in self._places.items()}

    @property
    def names(self) -> list[str]:
        """The arrays' names."""
        return list(self._places)

    def array(self, name: str) -> NDArray[Any]:
        """(rows, *shape), a read-only view. Raises: ShardError when the shard has no such array."""
        if name not in self._places:
            raise ShardError(f"{self.path}: has no array {name!r}; it has {', '.join(self._places)}")
        return self._view(self._places[name])

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


def _image(rows: Rows) -> tuple[bytes, dict[str, Place]]:
    """The HDF5 file after its user block (which HDF5 leaves out of the image), and where its datasets lie."""
    options = {"libver": "latest", "userblock_size": BLOCK, "driver": "core", "backing_store": False}
    with h5py.File("shard", "w", **options) as file:
        made = [
            _dataset(file, "key", _text(rows.keys)),
            _dataset(file, "status", np.asarray(rows.status, dtype=np.uint8)),
            _dataset(file, "message", _text([_clip(text) for text in rows.messages])),
            *(_dataset(file, name, np.ascontiguousarray(rows.arrays[name])) for name in sorted(rows.arrays)),
        ]
        file.flush()
        places = {one.name[1:]: _place(one) for one in made}
        return bytes(file.id.get_file_image()), places


def _dataset(file: h5py.File, name: str, array: NDArray[Any]) -> h5py.Dataset:
    made = file.create_dataset(name, data=array, track_times=False)
    made.attrs["xxh3_128"] = digest(array.tobytes())
    return made


def _place(dataset: h5py.Dataset) -> Place:
    offset = dataset.id.get_offset() if dataset.size else BLOCK  # without rows it has no bytes, and lies nowhere
    return Place(dataset.dtype.str, dataset.shape, offset, str(dataset.attrs["xxh3_128"]))


def _text(texts: Sequence[str]) -> NDArray[np.bytes_]:
    raw = [text.encode() for text in texts]
    return np.array(raw, dtype=f"S{max((len(text) for text in raw), default=0) or 1}")


def _clip(text: str) -> str:
    return " ".join(text.split()).encode()[:MESSAGE_BYTES].decode(errors="ignore")


def _parse_header(path: Path, block: bytes) -> Header:
    if len(block) < BLOCK or not block.startswith(MAGIC):
        raise ShardError(f"{path}: not a shard of this format")
    front, seal = block[:-_DIGEST], block[-_DIGEST:]
    if digest(front).encode() != seal:
        raise ShardError(f"{path}: the header was changed after it was written{_CURE}")
    try:
        told = json.loads(front[len(MAGIC) :])
        places = {name: Place(place[0], tuple(place[1]), *place[2:]) for name, place in told.pop("places").items()}
        header = Header(places=places, **told)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ShardError(f"{path}: the header is not readable ({' '.join(str(error).split())})") from None
    if not _is_header(header):
        raise ShardError(f"{path}: the header is not readable (its values are not those of a shard)")
    for name, place in places.items():
        _check_place(path, name, place, BLOCK + header.size)
    return header


def _is_header(header: Header) -> bool:
    words = isinstance(header.counts, dict) and header.counts.keys() <= {status.word for status in Status}
    numbers = [header.rows, header.size, *(header.counts.values() if words else ())]
    texts = (header.fingerprint, header.source, header.body)
    types = words and all(type(n) is int for n in numbers) and all(isinstance(text, str) for text in texts)
    return types and min(numbers) >= 0 and sum(header.counts.values()) == header.rows


def _check_place(path: Path, name: str, place: Place, size: int) -> None:
    """Nothing is allocated for, or read from, a dataset that a file of ``size`` bytes cannot hold."""
    if place.dtype not in _DTYPES and not _TEXT.fullmatch(str(place.dtype)):
        raise ShardError(f"{path}: {name!r} has dtype {place.dtype!r}, which no shard holds")
    if not all(type(n) is int and n >= 0 for n in (*place.shape, place.offset)) or not isinstance(place.digest, str):
        raise ShardError(f"{path}: the header is not readable (it does not say where {name!r} lies)")
    if not BLOCK <= place.offset <= size - place.size:
        raise ShardError(f"{path}: {name!r} declares {place.size} bytes from {place.offset}, the file holds {size}")


def _checked_map(path: Path, header: Header) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise ShardError(f"{path}: cannot be read: {error}") from None
    with memoryview(view) as whole, whole[BLOCK:] as rest:
        if len(rest) != header.size:
            raise ShardError(f"{path}: holds {len(rest)} bytes, {header.size} were written{_CURE}")
        if digest(rest) != header.body:
            raise ShardError(f"{path}: bytes were changed after it was written{_CURE}")
    return view
