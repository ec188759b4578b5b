"""CSV annotation files, read with suspicion: UTF-8 with or without a mark, any line ends, every fault with its line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cache.errors import DataError, nearest
from pipeline.datasets._people import shown

LARGEST: Final = 1 << 30
"""Bytes of a file; 34,320 people in EMOTIC's form take 8 MB."""
LONGEST: Final = 100_000
"""Characters of a row."""
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Record:
    """One row. line: of the file, from 1, where the row begins. fields: column -> text, without blanks around it."""

    path: Path
    line: int
    fields: dict[str, str]

    @property
    def place(self) -> str:
        """For errors: the file and the line."""
        return f"{self.path}:{self.line}"

    @property
    def short(self) -> str:
        """For notes, which do not depend on where the files lie."""
        return f"{self.path.name}:{self.line}"

    def number(self, column: str) -> float:
        """The column's number; NaN where it is blank or absent. Raises: DataError for anything but a finite number."""
        text = self.fields.get(column, "")
        if not text:
            return math.nan
        value = float(text) if len(text) < 400 and _NUMBER.fullmatch(text) else math.inf
        if not math.isfinite(value):
            cure = "Write it with a point and without separators, as in 12.5"
            raise DataError(f"{self.place}: {column} {text[:60]!r} is not a finite number. {cure}")
        return value


@dataclass(frozen=True)
class Table:
    """A file's columns in their order, and its rows."""

    path: Path
    columns: tuple[str, ...]
    records: tuple[Record, ...]


def read_csv(path: Path, needed: Sequence[str], known: Collection[str] | None = None) -> Table:
    """The rows of a CSV file with a header; lines without any text are passed over.

    needed: columns that must be there. known: all that may be; None for any.
    Raises: DataError, one line with the file and, where there is one, the line.
    """
    rows = _rows(path)
    head = next(rows, None)
    if head is None:
        raise DataError(f"{path}: is empty. Its first line names the columns: {', '.join(needed)}")
    columns = _columns(path, head[1], needed, known)
    records = tuple(Record(path, line, _fields(path, line, columns, fields)) for line, fields in rows)
    if not records:
        raise DataError(f"{path}: has a header and no rows")
    return Table(path, columns, records)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each row that holds any text."""
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise DataError(f"{path}: {size} bytes, over the cap of {LARGEST}. Is it the annotation?")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(_short_lines(path, file), strict=True)
            line = 1
            for fields in reader:
                if any(map(str.strip, fields)):
                    yield line, fields
                line = reader.line_num + 1
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        told = f"byte {error.object[error.start]:#04x} is not UTF-8 text"
        raise DataError(f"{path}:{_undecodable(path)}: {told}. Save the file as CSV in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path}:{line}: is not CSV: {error}. Is a quotation mark missing or in excess?") from None


def _short_lines(path: Path, file: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if len(line) > LONGEST:
            raise DataError(f"{path}:{number}: {len(line)} characters in a line, over the cap of {LONGEST}")
        yield line


def _undecodable(path: Path) -> int:
    """The first line that is not UTF-8."""
    with path.open("rb") as file:
        return next((n for n, line in enumerate(file, start=1) if "\ufffd" in line.decode(errors="replace")), 1)


def _columns(path: Path, head: list[str], needed: Sequence[str], known: Collection[str] | None) -> tuple[str, ...]:
    columns = tuple(name.strip() for name in head)
    if len(columns) == 1 and (mark := next((mark for mark in ";\t|" if mark in head[0]), "")):
        raise DataError(f"{path}:1: columns are separated by {mark!r}. Save the file with commas")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise DataError(f"{path}:1: column {twice[0]!r} stands twice")
    if known is not None and (strange := [name for name in columns if name not in known]):
        raise DataError(f"{path}:1: unknown column {strange[0]!r}.{nearest(strange[0], known)}")
    if missing := [name for name in needed if name not in columns]:
        raise DataError(f"{path}:1: has no column {missing[0]!r}. It has {', '.join(map(shown, columns))[:300]}")
    return columns


def _fields(path: Path, line: int, columns: tuple[str, ...], fields: list[str]) -> dict[str, str]:
    if len(fields) != len(columns):
        cure = "Text with a comma in it stands in double quotation marks"
        raise DataError(f"{path}:{line}: has {len(fields)} fields, the header {len(columns)}. {cure}")
    return {name: field.strip() for name, field in zip(columns, fields, strict=True)}


def repeats(table: Table, ignored: Collection[str] = ()) -> list[str]:
    """A note on rows that are equal to an earlier one but for the columns ``ignored``; none where there are none."""
    seen: set[tuple[str, ...]] = set()
    again = []
    for record in table.records:
        row = tuple(text for name, text in record.fields.items() if name not in ignored)
        if row in seen:
            again.append(record.short)
        seen.add(row)
    return [f"rows that repeat an earlier row, kept as more people: {len(again)}, first {again[0]}"] if again else []
