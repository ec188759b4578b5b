"""MATLAB's version 5 .mat files, as far as annotations use them, read without trust in any length they declare.

Of scipy's reader a few flipped bits make a crash of the whole process; here they make one DataError.
Source: MathWorks, "MAT-File Format", chapter 1 (level 5).
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any, Final, NoReturn

from cache.errors import DataError

HEADER: Final = 128
LARGEST: Final = 1 << 30
"""Bytes of one variable after decompression; more is taken for a bomb. 34,320 people in EMOTIC's form take 65 MB."""
DEEPEST: Final = 16
"""Structs in cells in structs; EMOTIC's lie 6 deep."""
NUMBERS: Final = 16
"""Longer numeric arrays are given as None: no annotation holds one."""
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMERIC = range(6, 16)
_NUMBER_CODES: Final = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
_HDF5: Final = b"\x89HDF\r\n\x1a\n"

Value = Any
"""str; a tuple of floats; a tuple of Values (cell); a tuple of dicts (struct array); None for what is none of these."""


def read_mat(path: Path, names: Collection[str]) -> dict[str, Value]:
    """The variables ``names`` of a file, those that it has. Every array is a tuple, also one of a single element.

    Raises: DataError when the file is absent, not of version 5, or not whole.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    _check_version(path, data)
    found: dict[str, Value] = {}
    try:
        for buffer in _variables(data):
            name = buffer.name
            if name in found:
                raise _Damaged(f"variable {name!r} stands twice")
            if name in names:
                found[name] = buffer.whole().value()
    except _Damaged as error:
        raise DataError(f"{path}: is damaged or cut short: {error}. Fetch the file again") from None
    return found


class _Damaged(Exception):  # noqa: N818 (reads as what it is)
    pass


def _check_version(path: Path, data: bytes) -> None:
    if data.startswith((b"MATLAB 7.3", _HDF5)) or data[512:520] == _HDF5:
        raise DataError(f"{path}: is a v7.3 .mat (HDF5). EMOTIC's is older; save it again with save(..., '-v7')")
    if not data.startswith(b"MATLAB 5.0 MAT-file"):
        what = "not a .mat file: it starts otherwise" if data else "empty"
        raise DataError(f"{path}: is {what}. A version 5 .mat is asked for; fetch the file again")
    if len(data) < HEADER or data[126:128] not in (b"IM", b"MI"):
        raise DataError(f"{path}: is damaged or cut short: its header is not whole. Fetch the file again")


def _variables(data: bytes) -> Iterator[_Variable]:
    order = "<" if data[126:128] == b"IM" else ">"
    tag, at = Struct(f"{order}II"), HEADER
    while at < len(data):
        if len(data) - at < 8:
            raise _Damaged(f"{len(data) - at} bytes are left over at the end")
        kind, size = tag.unpack_from(data, at)
        at += 8
        if size > len(data) - at:
            raise _Damaged(f"a variable of {size} bytes, {len(data) - at} are there")
        if kind not in (_MATRIX, _COMPRESSED):
            raise _Damaged(f"data of type {kind} where a variable should be")
        yield _Variable(order, data[at : at + size], kind == _COMPRESSED)
        at += size


@dataclass(frozen=True)
class _Variable:
    order: str
    data: bytes
    compressed: bool

    @property
    def name(self) -> str:
        """Told from the first bytes only."""
        front = self._inflate(4096)[8:] if self.compressed else self.data[:4096]
        return _Matrix(self.order, front).name()

    def whole(self) -> _Matrix:
        if not self.compressed:
            return _Matrix(self.order, self.data)
        data = self._inflate(LARGEST)
        kind, size = Struct(f"{self.order}II").unpack_from(data) if len(data) >= 8 else (0, 0)
        if kind != _MATRIX or size > len(data) - 8:
            raise _Damaged("a compressed variable is not whole")
        return _Matrix(self.order, data[8 : 8 + size])

    def _inflate(self, most: int) -> bytes:
        stream = zlib.decompressobj()
        try:
            data = stream.decompress(self.data, most)
        except zlib.error as error:
            raise _Damaged(f"decompression says {error}") from None
        if most == LARGEST and not stream.eof:
            raise _Damaged(f"a variable ends early, or is over {LARGEST >> 20} MiB")
        return data


class _Matrix:
    """One variable's bytes, after its tag. Nothing outside of ``data`` is ever looked at."""

    def __init__(self, order: str, data: bytes) -> None:
        self._data = data
        self._tag = Struct(f"{order}II").unpack_from
        self._flags = Struct(f"{order}I").unpack_from
        self._numbers = {
            kind: [Struct(f"{order}{count}{code}") for count in range(NUMBERS + 1)]
            for kind, code in _NUMBER_CODES.items()
        }
        wide = "le" if order == "<" else "be"
        self._codecs = {1: "latin-1", 2: "latin-1", 16: "utf-8"} | dict.fromkeys((4, 17), f"utf-16-{wide}")
        self._codecs[18] = f"utf-32-{wide}"

    def name(self) -> str:
        at = self._skip(self._skip(0, len(self._data)), len(self._data))
        _, start, size, _ = self._element(at, len(self._data))
        return self._data[start : start + size].decode("latin-1")

    def value(self) -> Value:
        return self._matrix(0, len(self._data), 0)

    def _element(self, at: int, end: int) -> tuple[int, int, int, int]:
        """The element at ``at``: its type, where its data start, their bytes, and where the next element is."""
        if end - at < 8:
            self._broken(at, "an element ends early")
        kind, size = self._tag(self._data, at)
        if kind >> 16:  # the small form: size and type share four bytes, the data are the next four
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                self._broken(at, f"a small element of {size} bytes")
            return kind, at + 4, size, at + 8
        start = at + 8
        if size > end - start:
            self._broken(at, f"an element of {size} bytes, {end - start} are there")
        return kind, start, size, min(start + size + (-size % 8), end)

    def _skip(self, at: int, end: int) -> int:
        return self._element(at, end)[3]

    def _matrix(self, at: int, end: int, depth: int) -> Value:
        if at == end:
            return ()
        if depth > DEEPEST:
            self._broken(at, f"arrays lie in each other more than {DEEPEST} deep")
        _, start, size, at = self._element(at, end)
        if size != 8:
            self._broken(start, f"array flags of {size} bytes")
        kind = self._flags(self._data, start)[0] & 0xFF
        _, start, size, at = self._element(at, end)
        dims = self._ints(start, size)
        at = self._skip(at, end)
        if kind in _NUMERIC:
            return self._floats(at, end)
        if kind == _CHAR:
            return self._text(at, end, dims)
        if kind == _CELL:
            return self._cells(at, end, dims, depth)
        return self._structs(at, end, dims, depth) if kind == _STRUCT else None

    def _ints(self, start: int, size: int) -> tuple[int, ...]:
        if size % 4 or not 8 <= size <= 4 * NUMBERS:
            self._broken(start, f"dimensions of {size} bytes")
        dims: tuple[int, ...] = self._numbers[5][size // 4].unpack_from(self._data, start)
        return dims

    def _floats(self, at: int, end: int) -> tuple[float, ...] | None:
        kind, start, size, _ = self._element(at, end)
        code = self._numbers.get(kind)
        if code is None or size % code[1].size:
            self._broken(at, f"numbers of type {kind} in {size} bytes")
        count = size // code[1].size
        if count > NUMBERS:
            return None
        return tuple(map(float, code[count].unpack_from(self._data, start)))

    def _text(self, at: int, end: int, dims: tuple[int, ...]) -> str | None:
        kind, start, size, _ = self._element(at, end)
        if kind not in self._codecs:
            self._broken(at, f"text of type {kind}")
        if dims[0] > 1:
            return None
        return self._data[start : start + size].decode(self._codecs[kind], errors="replace")

    def _cells(self, at: int, end: int, dims: tuple[int, ...], depth: int) -> tuple[Value, ...]:
        cells = []
        for _ in range(self._count(at, end, dims)):
            cell, at = self._inner(at, end, depth)
            cells.append(cell)
        return tuple(cells)

    def _structs(self, at: int, end: int, dims: tuple[int, ...], depth: int) -> tuple[dict[str, Value], ...]:
        _, start, size, at = self._element(at, end)
        width = self._ints_of_one(start, size)
        _, start, size, at = self._element(at, end)
        raw = self._data[start : start + size]
        names = [raw[i : i + width].partition(b"\0")[0].decode("latin-1") for i in range(0, size, width)]
        structs = []
        for _ in range(self._count(at, end, dims) if names else 0):
            fields = {}
            for name in names:
                fields[name], at = self._inner(at, end, depth)
            structs.append(fields)
        return tuple(structs)

    def _ints_of_one(self, start: int, size: int) -> int:
        width = self._numbers[5][1].unpack_from(self._data, start)[0] if size == 4 else 0
        if not 0 < width <= 64:
            self._broken(start, f"field names of {width} bytes")
        return int(width)

    def _count(self, at: int, end: int, dims: tuple[int, ...]) -> int:
        count = 1
        for extent in dims:
            count *= extent
        if min(dims) < 0 or count > (end - at) // 8:  # each element takes a tag at least
            self._broken(at, f"an array of {' x '.join(map(str, dims))} in {end - at} bytes")
        return count

    def _inner(self, at: int, end: int, depth: int) -> tuple[Value, int]:
        kind, start, size, after = self._element(at, end)
        if kind != _MATRIX:
            self._broken(at, f"data of type {kind} where an array should be")
        return self._matrix(start, start + size, depth + 1), after

    def _broken(self, at: int, what: str) -> NoReturn:
        raise _Damaged(f"{what} (byte {at} of a variable)")
