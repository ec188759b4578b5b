"""CSV annotation files, read with suspicion: UTF-8 with or without a mark, any line ends, every fault with its line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cache.errors import DataError, shown

LARGEST: Final = 1 << 30
"""Bytes of a file; 34,320 people in EMOTIC's form take 8 MB."""
UTF8: Final = "Save the file as CSV in UTF-8 (in Excel: CSV UTF-8)"
LONGEST: Final = 100_000
"""Characters of a row."""
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
"""What a comma may be that stands before thousands: no group of three digits follows a 0."""
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Record:
    """One row. line: of the file, from 1, where the row begins. fields: column -> text, without blanks around it. mark:
    what separates the file's columns."""

    path: Path
    line: int
    fields: dict[str, str]
    mark: str = ","

    @property
    def place(self) -> str:
        """For errors: the file and the line."""
        return f"{self.path}:{self.line}"

    @property
    def short(self) -> str:
        """For notes, which do not depend on where the files lie."""
        return f"{self.path.name}:{self.line}"

    def number(self, column: str) -> float:
        """The column's number; NaN where it is blank or absent. Between semicolons, which spreadsheets write where
        the comma is the decimal sign, 12,5 is 12.5. Raises: DataError for anything but a finite number."""
        text = self.fields.get(column, "")
        if not text:
            return math.nan
        if _has_decimal_comma(self, column):
            text = text.replace(",", ".")
        value = float(text) if len(text) < 400 and _NUMBER.fullmatch(text) else math.inf
        if not math.isfinite(value):
            cure = "Write it with a point and without separators, as in 12.5"
            raise DataError(f"{self.place}: {column} {text[:60]!r} is not a finite number. {cure}")
        return value


@dataclass(frozen=True)
class Table:
    """A file's columns in their order, by the names that ``read_csv`` was to give them, and its rows."""

    path: Path
    columns: tuple[str, ...]
    records: tuple[Record, ...]


def read_csv(path: Path, needed: Sequence[str], marks: str = ",", named: Callable[[str], str] = str) -> Table:
    """The rows of a CSV file with a header; lines without any text are passed over.

    needed: columns that must be there. marks: what may separate columns; that which the header has most of does.
    named: column as written -> its name here. Raises: DataError, one line with the file and, where there is one, the
    line.
    """
    mark = _mark(path, marks)
    rows = _rows(path, mark)
    head = next(rows, None)
    if head is None:
        raise DataError(f"{path}: is empty. Its first line names the columns: {', '.join(needed)}")
    columns = _columns(path, head[1], needed, named)
    records = tuple(Record(path, line, _fields(path, line, columns, fields, mark), mark) for line, fields in rows)
    if not records:
        raise DataError(f"{path}: has a header and no rows")
    return Table(path, columns, records)


def read_either(
    path: Path,
    needed: Sequence[str],
    headless: Mapping[int, Sequence[str]],
    is_header: Callable[[Sequence[str]], bool],
    named: Callable[[str], str],
) -> Table:
    """As ``read_csv``, of a file that may lack its header: ``is_header`` tells of its first row, and ``headless`` the
    columns by their number."""
    rows = list(_rows(path, ","))
    if not rows or is_header(rows[0][1]):
        return read_csv(path, needed, named=named)
    line, first = rows[0]
    if (columns := headless.get(len(first))) is None:
        known = " or ".join(map(str, headless))
        raise DataError(f"{path}:{line}: has no header and {len(first)} fields; {known} are wanted")
    records = tuple(Record(path, line, _fields(path, line, columns, fields, ",")) for line, fields in rows)
    return Table(path, tuple(columns), records)


def columns(path: Path, marks: str) -> list[str]:
    """The names in the file's header as they are written; none of an empty file. Raises: DataError, as ``read_csv``."""
    return [name.strip() for name in next(_rows(path, _mark(path, marks)), (1, []))[1]]


def _mark(path: Path, marks: str) -> str:
    """The separator of the file: of ``marks`` the one that stands most often in the header; the first of equals."""
    if len(marks) == 1:
        return marks
    with suppress(OSError), path.open("rb") as file:
        head = next((line for line in iter(lambda: file.readline(LONGEST), b"") if line.strip()), b"")
        unquoted = re.sub(rb'"[^"]*"', b"", head)
        return max(marks, key=lambda mark: unquoted.count(mark.encode()))
    return marks[0]


def _rows(path: Path, mark: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each row that holds any text."""
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise DataError(f"{path}: {size} bytes, over the cap of {LARGEST}. Is it the annotation?")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(_short_lines(path, file), strict=True, delimiter=mark)
            line = 1
            for fields in reader:
                if any(map(str.strip, fields)):
                    yield line, fields
                line = reader.line_num + 1
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        told = f"byte {error.object[error.start]:#04x} is not UTF-8 text"
        raise DataError(f"{path}:{_undecodable(path)}: {told}. {UTF8}") from None
    except csv.Error as error:
        raise DataError(f"{path}:{line}: is not CSV: {error}. Is a quotation mark missing or in excess?") from None


def _short_lines(path: Path, file: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if len(line) > LONGEST:
            raise DataError(f"{path}:{number}: {len(line)} characters in a line, over the cap of {LONGEST}")
        if "\0" in line:
            raise DataError(f"{path}:{number}: holds NUL bytes, as text in UTF-16 does. {UTF8}")
        yield line


def _undecodable(path: Path) -> int:
    """The first line that is not UTF-8."""
    with path.open("rb") as file:
        return next((n for n, line in enumerate(file, start=1) if "\ufffd" in line.decode(errors="replace")), 1)


def _columns(path: Path, head: list[str], needed: Sequence[str], named: Callable[[str], str]) -> tuple[str, ...]:
    columns = tuple(named(name.strip()) for name in head)
    if len(columns) == 1 and (mark := next((mark for mark in ";\t|" if mark in head[0]), "")):
        raise DataError(f"{path}:1: columns are separated by {mark!r}. Save the file with commas")
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise DataError(f"{path}:1: column {twice[0]!r} stands twice")
    if missing := [name for name in needed if name not in columns]:
        raise DataError(f"{path}:1: has no column {missing[0]!r}. It has {', '.join(map(shown, columns))[:300]}")
    return columns


def _fields(path: Path, line: int, columns: Sequence[str], fields: list[str], mark: str) -> dict[str, str]:
    if len(fields) != len(columns):
        sign = {",": "a comma", "\t": "a tab"}.get(mark, f"a {mark!r}")
        cure = f"Text with {sign} in it stands in double quotation marks"
        raise DataError(f"{path}:{line}: has {len(fields)} fields, the header {len(columns)}. {cure}")
    return {name: field.strip() for name, field in zip(columns, fields, strict=True)}


def _has_decimal_comma(record: Record, column: str) -> bool:
    text = record.fields.get(column, "")
    return record.mark == ";" and text.count(",") == 1 and "." not in text


def decimal_commas(table: Table, numbers: Collection[str]) -> list[str]:
    """A note on how many numbers have one; none where none has. numbers: the columns of numbers.

    Raises: DataError for a column whose commas may all stand before thousands: 1,234 is 1.234 or 1234.
    """
    found: list[Record] = []
    for column in numbers:
        having = [record for record in table.records if _has_decimal_comma(record, column)]
        if having and all(_THOUSANDS.fullmatch(record.fields[column]) for record in having):
            text = f"{column} {having[0].fields[column]!r} may be a thousand times more than its comma says"
            raise DataError(f"{having[0].place}: {text}. Write it with a point and without separators, as in 12.5")
        found += having
    if not found:
        return []
    return [f"decimal commas, so that 12,5 is 12.5: {len(found)}, first {min(found, key=lambda one: one.line).short}"]


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
