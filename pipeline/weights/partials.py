"""Files that a run leaves off and goes on with: opened so that no link leads their bytes into another file, locked so
that two processes do not mix them; and what their bytes are of.
"""

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from stat import S_ISREG

from cache.errors import AffectError, WeightsError

PARTIAL = ".partial"
NOTE = ".partial.json"
_POLL = 0.2


@dataclass(frozen=True)
class Origin:
    """What a partial file's bytes are: of which address, and the validator that its server gave them."""

    url: str = ""
    validator: str = ""

    @classmethod
    def read(cls, note: Path) -> "Origin":
        """As ``write`` left it; empty when it did not."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            told = json.loads(note.read_text())
            url, validator = str(told["url"]), str(told["validator"])
            return cls(url, validator) if validator.isprintable() else cls()
        return cls()

    def write(self, note: Path) -> None:
        """Raises: OSError."""
        write_anew(note, json.dumps({"url": self.url, "validator": self.validator}) + "\n")


@contextmanager
def held(partial: Path, say: Callable[[str], None]) -> Iterator[FileIO]:
    """The file ``partial``, locked; the second process waits for the first. The kernel lets go when all that have it
    open have ended, however they ended. Empty, it is removed.

    Raises: WeightsError, OSError.
    """
    file, told = _locked(partial), False
    while file is None:
        if not told:
            say(f"{partial.name.removesuffix(PARTIAL)}: another process is fetching it; waiting")
        told = True
        time.sleep(_POLL)
        file = _locked(partial)
    try:
        yield file
    finally:
        with suppress(OSError):
            if os.fstat(file.fileno()).st_size == 0 and _is(file, partial):
                partial.unlink()
                partial.with_name(partial.name.removesuffix(PARTIAL) + NOTE).unlink(missing_ok=True)
        file.close()


def _locked(partial: Path) -> FileIO | None:
    """The file, opened and locked; None when another process has it, or renamed it while it was opened here.

    Raises: WeightsError when its bytes would go into another file; OSError.
    """
    file = FileIO(open_partial(partial, WeightsError), "a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is(file, partial):
            return file
    except BlockingIOError:
        pass
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def _is(file: FileIO, partial: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), partial.lstat())
    return False


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
