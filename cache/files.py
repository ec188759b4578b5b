"""Files that are whole or absent: write beside, flush to the disk, rename, flush the folder."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cache.errors import StoreError

PARTIAL = ".partial-"
"""Prefix of a file that is being written. Whoever holds the dataset's lock may delete any of them."""


def replace(path: Path, write: Callable[[Path], None]) -> None:
    """Make ``path`` appear at once, with what ``write`` puts into the temporary path it is given.

    The temporary lies in the same folder, so that the rename is atomic. A kill leaves at most the temporary.
    Raises: StoreError in one line when the disk is full or the folder cannot be written.
    """
    partial = path.with_name(f"{PARTIAL}{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        _flush(partial, os.O_RDONLY)
        os.replace(partial, path)
        _flush(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = error.strerror or str(error).splitlines()[0]
        raise StoreError(f"{path}: cannot be written: {reason}. Nothing half-written was kept") from error


def replace_text(path: Path, text: str) -> None:
    """``replace`` for a short text."""
    replace(path, lambda partial: _write_text(partial, text))


def read_json(path: Path) -> Any:
    """Raises: StoreError when the file is absent or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{path}: no such file. Run make extract first") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: not readable as JSON: {' '.join(str(error).split())}") from None


def sweep(folder: Path) -> int:
    """Delete what killed writers left below ``folder``; returns how many files. Only under the dataset's lock."""
    stale = list(folder.rglob(f"{PARTIAL}*"))
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
