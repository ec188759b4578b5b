"""Paths that an annotation names, joined inside the dataset's root only."""

import os
import posixpath
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote

from cache.errors import DataError
from cache.spec import Status
from pipeline.decoding.images import ImageError

_REFUSED = "outside_root:"


def inside(root: Path, relative: str) -> str:
    """``relative`` as a normalised POSIX path below ``root``; the disk is not looked at.

    Raises: DataError when the path is absolute, empty, holds a NUL or no valid text, or climbs out of ``root``.
    """
    if "\0" in relative or not _is_text(relative):
        raise DataError(f"{relative!r} is not a path that a file can have")
    path = posixpath.normpath(relative) if relative else "."
    if path == ".." or path.startswith(("/", "../")):
        raise DataError(f"{relative!r} leads out of {root}. Paths in an annotation are relative and stay inside")
    if path == ".":
        raise DataError(f"{relative!r} names {root} itself, not a file in it")
    return path


def refused(relative: str) -> str:
    """A harmless key for a path that ``inside`` refuses: one component, which ``resolve`` refuses in turn."""
    return _REFUSED + quote(relative, safe="", errors="backslashreplace")


def resolve(root: Path, relative: str) -> Path:
    """The file that ``root``/``relative`` stands for, with symbolic links followed; it need not exist.

    ``root`` itself may be or lie behind a link. Raises: ImageError with status OUTSIDE_ROOT when the path, or a link
    on its way, leads out of ``root``.
    """
    asked, (_, _, file) = root / relative, relative.rpartition("/")
    if file.startswith(_REFUSED):
        named = unquote(file.removeprefix(_REFUSED), errors="backslashreplace")
        raise ImageError(Status.OUTSIDE_ROOT, f"{asked}: the annotation names {named!r}, outside the dataset's folder")
    try:
        base, real = _real(root.absolute()), os.path.realpath(root / inside(root, relative))
    except (DataError, OSError) as error:
        raise ImageError(Status.OUTSIDE_ROOT, f"{asked}: is no path inside the dataset's folder") from error
    if not real.startswith(base):
        cure = "Give the folder that really holds the files as ROOT"
        raise ImageError(Status.OUTSIDE_ROOT, f"{asked}: a symbolic link leads out of the dataset's folder. {cure}")
    return Path(real)


@lru_cache(maxsize=16)
def _real(root: Path) -> str:
    return os.path.join(os.path.realpath(root), "")


def _is_text(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False
