"""Files that a run leaves off and goes on with: opened so that no link leads their bytes into another file."""

import errno
import os
from pathlib import Path
from stat import S_ISREG

from cache.errors import AffectError


def open_partial(path: Path, kind: type[AffectError]) -> int:
    """A descriptor to read ``path`` and append to it; it is made when it is absent. Nothing in it is changed yet.

    Raises: ``kind`` in one line when it is a link, has other names too or is no plain file; OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP and path.is_symlink():
            raise _refused(path, "a symbolic link", kind) from None
        raise
    found = os.fstat(descriptor)
    if S_ISREG(found.st_mode) and found.st_nlink <= 1:  # 0: whoever held it has just removed it
        return descriptor
    os.close(descriptor)
    told = f"one file under {found.st_nlink} names" if S_ISREG(found.st_mode) else "no plain file"
    raise _refused(path, told, kind)


def write_anew(path: Path, text: str) -> None:
    """A short text in a file of its own, never in one that ``path`` is a link to. Raises: OSError."""
    path.unlink(missing_ok=True)
    with path.open("x") as file:
        file.write(text)


def _refused(path: Path, what: str, kind: type[AffectError]) -> AffectError:
    why = "writing to it would change another file"
    return kind(f"{path}: is {what}: {why}. Delete it, then run the same command again")
