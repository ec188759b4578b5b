"""One HDF5 file: written once, atomically; read only after every byte was checked.

Layout: a user block of 1024 bytes (a JSON header, padded, that ends in its own digest), then an HDF5 file with the
datasets ``key``, ``status``, ``message`` and one contiguous, uncompressed dataset per array, each with its xxh3-128 as
the attribute ``xxh3_128``. The header holds the digest of all bytes after the block, so a flipped bit in HDF5's own
metadata is found like one in the data, and a plan needs the first kilobyte of a file only.
"""

import json
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from cache.errors import ShardError
from cache.files import replace
from cache.fingerprint import canonical, digest
from cache.plain import Place, locate
from cache.spec import ArraySpec, Status

BLOCK = 1024
MAGIC = b"affect-cache shard 1\n"
_DIGEST = 32
MESSAGE_BYTES = 400


@dataclass(frozen=True)
class Header:
    """What the first kilobyte of a shard tells.

    fingerprint: of the feature. source: digest of the keys (and boxes) that the shard was made for.
    rows: how many. counts: rows by status word. size, body: length and digest of the bytes after the block.
    """

    fingerprint: str
    source: str
    rows: int
    counts: dict[str, int]
    size: int
    body: str


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
    image = _image(rows)
    header = _header(image, fingerprint, source, rows)
    front = (MAGIC + canonical(asdict(header)).encode()).ljust(BLOCK - _DIGEST)
    replace(path, [front, digest(front).encode(), image])
    return header


def read_header(path: Path) -> Header:
    """The header alone; costs one read of 1 KiB. Raises: ShardError when it is damaged or not a shard's."""
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
        self._places = locate(path, len(self._map))
        self.keys: list[str] = self._texts("key")
        self.status: NDArray[np.uint8] = self._column("status", "u1")
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
        """One column of the ledger, which is then no array any more. dtype: "u1", or "S" of any length."""
        place = self._places.pop(name, None)
        if place is None:
            raise ShardError(f"{self.path}: has no dataset {name!r}")
        if not place.dtype.str[1:].startswith(dtype) or place.shape != (self.header.rows,):
            told = f"{place.dtype} {place.shape}, the header says {self.header.rows} rows"
            raise ShardError(f"{self.path}: the ledger's {name!r} is {told}")
        return self._view(place)

    def _texts(self, name: str) -> list[str]:
        try:
            return [text.decode() for text in self._column(name, "S").tolist()]
        except UnicodeDecodeError:
            raise ShardError(f"{self.path}: the ledger's {name!r} is not UTF-8") from None

    def _view(self, place: Place) -> NDArray[Any]:
        count = int(np.prod(place.shape, dtype=np.int64))
        flat = np.frombuffer(self._map, dtype=place.dtype, count=count, offset=place.offset)
        return flat.reshape(place.shape)


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


def _image(rows: Rows) -> bytes:
    """The bytes of the HDF5 file that follow its user block (HDF5 leaves the block itself out of the image)."""
    options = {"libver": "latest", "userblock_size": BLOCK, "driver": "core", "backing_store": False}
    with h5py.File("shard", "w", **options) as file:
        _dataset(file, "key", _text(rows.keys))
        _dataset(file, "status", np.asarray(rows.status, dtype=np.uint8))
        _dataset(file, "message", _text([_clip(text) for text in rows.messages]))
        for name in sorted(rows.arrays):
            _dataset(file, name, np.ascontiguousarray(rows.arrays[name]))
        file.flush()
        return bytes(file.id.get_file_image())


def _dataset(file: h5py.File, name: str, array: NDArray[Any]) -> None:
    made = file.create_dataset(name, data=array, track_times=False)
    made.attrs["xxh3_128"] = digest(array.tobytes())


def _text(texts: Sequence[str]) -> NDArray[np.bytes_]:
    raw = [text.encode() for text in texts]
    return np.array(raw, dtype=f"S{max((len(text) for text in raw), default=0) or 1}")


def _clip(text: str) -> str:
    return " ".join(text.split()).encode()[:MESSAGE_BYTES].decode(errors="ignore")


def _header(image: bytes, fingerprint: str, source: str, rows: Rows) -> Header:
    words, numbers = np.unique(np.asarray(rows.status), return_counts=True)
    counts = {Status(int(word)).word: int(number) for word, number in zip(words, numbers, strict=True)}
    return Header(fingerprint, source, len(rows.keys), counts, len(image), digest(image))


def _parse_header(path: Path, block: bytes) -> Header:
    if len(block) < BLOCK or not block.startswith(MAGIC):
        raise ShardError(f"{path}: not a shard of this format")
    front, seal = block[:-_DIGEST], block[-_DIGEST:]
    if digest(front).encode() != seal:
        raise ShardError(f"{path}: the header was changed after it was written. Delete the file and extract again")
    try:
        header = Header(**json.loads(front[len(MAGIC) :]))
    except (TypeError, ValueError, RecursionError) as error:
        raise ShardError(f"{path}: the header is not readable ({error})") from None
    if not _is_header(header):
        raise ShardError(f"{path}: the header is not readable (its values are not those of a shard)")
    return header


def _is_header(header: Header) -> bool:
    words = isinstance(header.counts, dict) and header.counts.keys() <= {status.word for status in Status}
    numbers = [header.rows, header.size, *(header.counts.values() if words else ())]
    texts = (header.fingerprint, header.source, header.body)
    types = words and all(isinstance(n, int) for n in numbers) and all(isinstance(text, str) for text in texts)
    return types and min(numbers) >= 0 and sum(header.counts.values()) == header.rows


def _checked_map(path: Path, header: Header) -> mmap.mmap:
    with path.open("rb") as file:
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with memoryview(view) as whole, whole[BLOCK:] as rest:
        if len(rest) != header.size:
            raise ShardError(f"{path}: holds {len(rest)} bytes, {header.size} were written. Delete and extract again")
        if digest(rest) != header.body:
            raise ShardError(f"{path}: bytes were changed after it was written. Delete the file and extract again")
    return view
