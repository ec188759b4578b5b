"""JSON annotation files, read with suspicion: every fault in one line with the file and the entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cache.errors import DataError

LARGEST: Final = 1 << 28
"""Bytes of a file; 34,320 people take 25 MB."""


def load(path: Path) -> dict[str, Any]:
    """The file's object. Raises: DataError."""
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise DataError(f"{path}: {size} bytes, over the cap of {LARGEST}. Is it the annotation?")
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {' '.join(str(error).split())[:200]}. Fetch the file again") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: is a JSON {type(content).__name__}, not an object with images and annotations")
    return content


def entries(path: Path, content: dict[str, Any], name: str) -> list[Any]:
    """The list ``name``. Raises: DataError when it is absent or empty."""
    found = content.get(name)
    if not isinstance(found, list) or not found:
        raise DataError(f"{path}: has no list {name!r}, or an empty one")
    return found


def value(where: str, entry: Any, name: str) -> Any:
    """A field of an entry. Raises: DataError when it is absent."""
    if not isinstance(entry, dict) or name not in entry:
        raise DataError(f"{where}: has no {name!r}")
    return entry[name]


def whole(where: str, entry: Any, name: str) -> int:
    """A field that is a whole number. Raises: DataError."""
    found = value(where, entry, name)
    if not isinstance(found, int) or isinstance(found, bool):
        raise DataError(f"{where}: {name} {str(found)[:60]!r} is not a whole number")
    return found


def text(where: str, entry: Any, name: str) -> str:
    """A field that is a text with something in it. Raises: DataError."""
    found = value(where, entry, name)
    if not isinstance(found, str) or not found:
        raise DataError(f"{where}: {name} is empty or not text")
    return found


def is_number(found: Any) -> bool:
    """Whether it is a number that a float holds."""
    return isinstance(found, int | float) and not isinstance(found, bool) and -1e30 < found < 1e30
