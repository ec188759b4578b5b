"""A folder that is whole or absent: made beside, put in the place of the older one by renaming."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cache.errors import AffectError, StoreError
from cache.files import PARTIAL, make_folder, read_json, replace_text

ABOUT = "export.json"
MADE_BY = "affect-cache export"


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A new folder to write into, which appears as ``out`` at the end and not at all when something is raised. What a
    killed writer left is deleted by the next one.

    Raises: StoreError when ``out`` is there and no untouched export, another process writes it, or the disk refuses.
    """
    out = out.resolve()
    check(out)
    make_folder(out.parent)
    partial = out.with_name(f"{PARTIAL}{out.name}")
    try:
        descriptor = _taken(partial)
        try:
            _empty(partial)
            yield partial
            _appear(partial, out)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        finally:
            os.close(descriptor)
    except AffectError:  # some are OSErrors too
        raise
    except OSError as error:
        cure = "Nothing half-written was kept; mend it and run the same command again"
        raise StoreError(f"{out}: cannot be written: {error.strerror or error}. {cure}") from error


def check(out: Path) -> None:
    """Raises: StoreError when ``out`` holds anything but an export, whole and without anything else in it."""
    if not out.exists():
        return
    cure = "Give another OUT="
    if not out.is_dir():
        raise StoreError(f"{out}: is no folder. {cure}")
    found = _sizes(out)
    if not found and not any(out.iterdir()):
        return
    told = read_json(out / ABOUT) if (out / ABOUT).is_file() else None
    if not isinstance(told, dict) or told.get("made_by") != MADE_BY:
        raise StoreError(f"{out}: is there, and no export that could be replaced. {cure}")
    found.pop(ABOUT)
    if found != (known := told.get("files")):
        known = known if isinstance(known, dict) else {}
        other = min(name for name in {*found, *known} if found.get(name) != known.get(name))
        raise StoreError(f"{out}: {other} is not as the export left it, so it is not replaced. {cure}")


def seal(folder: Path, about: Mapping[str, Any]) -> None:
    """Write export.json, the last file of an export: ``about``, and the bytes of each of the others."""
    told = {"made_by": MADE_BY, **about, "files": _sizes(folder)}
    replace_text(folder / ABOUT, json.dumps(told, indent=2, allow_nan=False) + "\n")


def _sizes(folder: Path) -> dict[str, int]:
    paths = (path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    return {path.relative_to(folder).as_posix(): path.lstat().st_size for path in sorted(paths)}


def _taken(partial: Path) -> int:
    """A descriptor of the folder, which is locked; the kernel lets go when the process ends. Raises: StoreError."""
    while True:
        make_folder(partial)
        descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if partial.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise StoreError(f"{partial}: another export is writing here. Wait for it, or give another OUT=") from None
        except FileNotFoundError:  # renamed by the writer that held it: it is no partial folder any more
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _empty(partial: Path) -> None:
    for path in partial.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _appear(partial: Path, out: Path) -> None:
    """The two renames; what was ``out`` until now is deleted last, and stands again when the second one fails."""
    check(out)
    old = partial.with_name(f"{partial.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    there = out.exists()
    if there:
        os.rename(out, old)
    try:
        os.rename(partial, out)
    except OSError:
        if there:
            with suppress(OSError):
                os.rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)
