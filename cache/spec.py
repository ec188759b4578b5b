"""What an array of a feature looks like, and what can become of a sample."""

from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cache.errors import ShardError


class Granularity(StrEnum):
    """What one row of a feature belongs to."""

    IMAGE = "image"
    PERSON = "person"
    CLIP = "clip"


class Status(IntEnum):
    """What became of one sample in one feature. Stored as uint8; the numbers are part of the file format."""

    OK = 0
    MISSING = 1
    BROKEN = 2
    NO_FACE = 3
    OUTSIDE_ROOT = 4
    TOO_LARGE = 5
    UNUSABLE = 6
    FAILED = 7
    TOO_SMALL = 8

    @property
    def word(self) -> str:
        """The name users see, in lower case."""
        return self.name.lower()


FAILURES = frozenset({Status.MISSING, Status.BROKEN, Status.OUTSIDE_ROOT, Status.TOO_LARGE, Status.FAILED})
"""Statuses that make an extraction exit with 1. A face that is not there and a sample the annotation itself
spoils (UNUSABLE), or whose box is a few pixels (TOO_SMALL), are facts about the data, not failures."""

DTYPES = frozenset({"uint8", "int16", "int32", "int64", "float16", "float32", "float64"})


class Shaped(Protocol):
    """An array, or rows that are compressed."""

    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


@dataclass(frozen=True)
class ArraySpec:
    """Shape and meaning of one row of an array.

    shape: of one row, () for a scalar. dtype: one of DTYPES. unit: what a value means, in words.
    missing: the value a row holds when its status is not OK. compressed: rows lie compressed in the shard, one by one:
    for maps of many kilobytes a row, of which some are read; a vector is read a hundred times faster as it is.
    """

    shape: tuple[int, ...]
    dtype: str
    unit: str
    missing: float = 0.0
    compressed: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ShardError(f"dtype {self.dtype!r} cannot be stored; known: {', '.join(sorted(DTYPES))}")
        if any(extent < 0 for extent in self.shape):
            raise ShardError(f"shape {self.shape} has a negative extent")

    def empty(self, rows: int) -> NDArray[Any]:
        """(rows, *shape) filled with ``missing``."""
        return np.full((rows, *self.shape), self.missing, dtype=self.dtype)

    def validate(self, name: str, array: Shaped, rows: int) -> None:
        """Check an array of ``rows`` rows before it is written.

        Raises: ShardError naming the array, what it is and what was declared.
        """
        if array.dtype != np.dtype(self.dtype):
            raise ShardError(f"array {name!r} is {array.dtype}, declared {self.dtype}")
        if array.shape != (rows, *self.shape):
            raise ShardError(f"array {name!r} has shape {array.shape}, declared {(rows, *self.shape)}")

    def to_json(self) -> dict[str, Any]:
        """A JSON object that ``from_json`` reads back. NaN is written as the word, which JSON lacks; ``compressed``
        only where it is true."""
        out = asdict(self) | {"shape": list(self.shape)}
        if not self.compressed:
            del out["compressed"]
        return out | {"missing": "nan"} if np.isnan(self.missing) else out

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ArraySpec":
        """Raises: ShardError when a field is absent or of another type."""
        try:
            shape, compressed = tuple(int(n) for n in data["shape"]), data.get("compressed", False) is True
            return cls(shape, str(data["dtype"]), str(data["unit"]), float(data["missing"]), compressed)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ShardError(f"not an array spec: {data!r} ({error})") from None
