"""The first 4096 bytes of a shard: a JSON text, padded, that ends in its own digest, and says where everything lies."""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cache.errors import ShardError
from cache.fingerprint import canonical, digest
from cache.spec import DTYPES, Status

BLOCK = 4096
MAGIC = b"affect-cache shard 2\n"
CURE = ". make repair makes it again"
_DIGEST = 32
_DTYPES = frozenset(np.dtype(name).newbyteorder("<").str for name in DTYPES)
_TEXT = re.compile(r"\|S[1-9][0-9]{0,8}")


class Place(NamedTuple):
    """One dataset. dtype: as numpy writes it, little-endian. offset: from the file's first byte, of its bytes; of a
    compressed one, of the table that says where each row's bytes lie. digest: of its bytes, not compressed."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    digest: str

    @property
    def size(self) -> int:
        """Bytes, not compressed; a Python integer, which no declared shape overflows."""
        size = np.dtype(self.dtype).itemsize
        for extent in self.shape:
            size *= extent
        return size

    @property
    def table(self) -> "Place":
        """Of a compressed dataset: (rows, 2), offset and size of each row's bytes."""
        return Place("<i8", (*self.shape[:1], 2), self.offset, "")


@dataclass(frozen=True)
class Header:
    """What the first page of a shard tells.

    fingerprint: of the feature. source: digest of the keys (and boxes) that the shard was made for.
    rows: how many. counts: rows by status word. size, body: length and digest of the bytes after the block.
    places: the contiguous datasets, by name. packed: the compressed ones; not written where there are none.
    """

    fingerprint: str
    source: str
    rows: int
    counts: dict[str, int]
    size: int
    body: str
    places: dict[str, Place]
    packed: dict[str, Place] = field(default_factory=dict)


def seal(path: Path, header: Header) -> bytes:
    """The block, BLOCK bytes. Raises: ShardError when it does not hold all datasets."""
    told = {name: value for name, value in asdict(header).items() if name != "packed" or value}
    front = (MAGIC + canonical(told).encode()).ljust(BLOCK - _DIGEST)
    if len(front) > BLOCK - _DIGEST:
        count = len(header.places) + len(header.packed)
        raise ShardError(f"{path}: {count} datasets are too many for one header of {BLOCK} bytes")
    return front + digest(front).encode()


def read_header(path: Path) -> Header:
    """The header alone; costs one read of 4 KiB. Raises: ShardError when it is damaged or not a shard's."""
    try:
        with path.open("rb") as file:
            block = file.read(BLOCK)
    except OSError as error:
        raise ShardError(f"{path}: cannot be read: {error.strerror}") from None
    return _parse(path, block)


def _parse(path: Path, block: bytes) -> Header:
    if len(block) < BLOCK or not block.startswith(MAGIC):
        raise ShardError(f"{path}: not a shard of this format")
    front, sealed = block[:-_DIGEST], block[-_DIGEST:]
    if digest(front).encode() != sealed:
        raise ShardError(f"{path}: the header was changed after it was written{CURE}")
    try:
        told = json.loads(front[len(MAGIC) :])
        header = Header(places=_places(told.pop("places")), packed=_places(told.pop("packed", {})), **told)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ShardError(f"{path}: the header is not readable ({' '.join(str(error).split())})") from None
    if not _is_header(header):
        raise ShardError(f"{path}: the header is not readable (its values are not those of a shard)")
    for name, place in header.places.items():
        _check_place(path, name, place, BLOCK + header.size)
    for name, place in header.packed.items():
        _check_packed(path, name, place, header)
    return header


def _places(told: dict[str, list[object]]) -> dict[str, Place]:
    return {name: Place(place[0], tuple(place[1]), *place[2:]) for name, place in told.items()}  # type: ignore[arg-type]


def _is_header(header: Header) -> bool:
    words = isinstance(header.counts, dict) and header.counts.keys() <= {status.word for status in Status}
    numbers = [header.rows, header.size, *(header.counts.values() if words else ())]
    texts = (header.fingerprint, header.source, header.body)
    types = words and all(type(n) is int for n in numbers) and all(isinstance(text, str) for text in texts)
    return types and min(numbers) >= 0 and sum(header.counts.values()) == header.rows


def _check_place(path: Path, name: str, place: Place, size: int) -> None:
    """Nothing is allocated for, or read from, a dataset that a file of ``size`` bytes cannot hold."""
    if not isinstance(place.dtype, str) or not (place.dtype in _DTYPES or _TEXT.fullmatch(place.dtype)):
        raise ShardError(f"{path}: {name!r} has dtype {place.dtype!r}, which no shard holds")
    if not all(type(n) is int and n >= 0 for n in (*place.shape, place.offset)) or not isinstance(place.digest, str):
        raise ShardError(f"{path}: the header is not readable (it does not say where {name!r} lies)")
    if not BLOCK <= place.offset <= size - place.size:
        raise ShardError(f"{path}: {name!r} declares {place.size} bytes from {place.offset}, the file holds {size}")


def _check_packed(path: Path, name: str, place: Place, header: Header) -> None:
    """Its table is one that the file can hold; where its rows lie is checked when the table is read."""
    if not isinstance(place.dtype, str) or place.dtype not in _DTYPES:
        raise ShardError(f"{path}: {name!r} has dtype {place.dtype!r}, which no shard compresses")
    if name in header.places or place.shape[:1] != (header.rows,):
        raise ShardError(f"{path}: {name!r} is compressed as {place.shape}, the header says {header.rows} rows")
    _check_place(path, name, Place(place.dtype, (0, *place.shape), BLOCK, place.digest), BLOCK)
    _check_place(path, f"{name}.rows", place.table, BLOCK + header.size)
