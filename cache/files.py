"""Files that are whole or absent: write beside, flush to the disk, rename, flush the folder."""

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from cache.errors import StoreError

PARTIAL = ".partial-"
"""Prefix of a file that is being written. Whoever holds the dataset's lock may delete any of them."""


def replace(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Make ``path`` appear at once, holding ``parts`` one after the other. Its folder must exist.

    Raises: StoreError, as ``whole``.
    """
    with whole(path) as file:
        for part in parts:
            file.write(part)


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, which appears as ``path`` at the end and not at all when something is raised.

    The temporary lies in the same folder, so that the rename is atomic, and has a name of its own, so that two writers
    of one file cannot mix their bytes. A kill leaves at most the temporary.
    Raises: StoreError in one line when the disk is full, or the folder is gone or cannot be written.
    """
    partial = path.with_name(f"{PARTIAL}{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _flush_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        cure = "Nothing half-written was kept; mend it and run the same command again"
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}. {cure}") from error


def make_folder(path: Path) -> None:
    """Raises: StoreError when the folder cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be made: {error.strerror}. Choose another folder") from error


def replace_text(path: Path, text: str) -> None:
    """``replace`` for a short text."""
    replace(path, [text.encode()])


def read_json(path: Path) -> Any:
    """Raises: StoreError when the file is absent or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{path}: no such file. Run make extract first") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path}: not readable as JSON: {' '.join(str(error).split())}") from None


def sweep(folder: Path) -> int:
    """Delete what killed writers left below ``folder``; returns how many files. Only under the dataset's lock."""
    stale = list(folder.rglob(f"{PARTIAL}*"))
    for path in stale:
        remove(path)
    return len(stale)


def remove(path: Path) -> None:
    """Delete a file that may be gone already. Raises: StoreError in one line."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be deleted: {error.strerror}") from None


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
