"""A folder that is there whole or not at all: filled beside its place, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from cache.errors import DataError
from cache.files import make_folder


def make_whole(root: Path, fill: Callable[[Path], None]) -> None:
    """Have ``fill`` write into a folder beside ``root``, which becomes ``root``.

    Raises: DataError when ``root`` is there and not empty.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(f"{root}: is there already and not empty; remove it, or name another folder for the demo")
    make_folder(root.parent)
    _sweep(root)
    partial = root.with_name(f"{root.name}.partial-{os.getpid()}")
    fill(partial)
    os.replace(partial, root)


def _sweep(root: Path) -> None:
    """Remove what killed runs left beside `root`."""
    for left in root.parent.glob(f"{root.name}.partial-*"):
        number = left.name.rpartition("-")[2]
        if number.isdigit() and not _alive(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
