"""One file from an address into a folder: whole, checked and renamed, or told in one line why not.

What came is kept as ``<file>.partial`` and the next run goes on from there. That file is also the lock: of two
processes that want the same file, the second waits and then finds it there.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from cache.errors import WeightsError
from pipeline.progress import volume
from pipeline.weights.folder import RECORD, sha256
from pipeline.weights.partials import NOTE, PARTIAL, held, write_anew
from pipeline.weights.transfer import Broken, resume

REJECTED = ".rejected"
GAIN = 1 << 20
"""Bytes; a try that brings so many more does not count towards ``attempts``."""
LONGEST = 60.0
"""Seconds between two tries at most, also when the server asks for more."""


@dataclass(frozen=True)
class Patience:
    """stall: seconds without a byte. attempts: tries in a row that bring nothing. pause: seconds before the second
    try, doubled for each one after.
    """

    stall: float = 30.0
    attempts: int = 5
    pause: float = 1.0


@dataclass(frozen=True)
class _Wanted:
    """As ``download`` takes them."""

    url: str
    known: str
    published: int


class Unreachable(WeightsError):  # noqa: N818 (reads as what it is)
    """The server never answered."""


def download(
    url: str, path: Path, known: str, patience: Patience, say: Callable[[str], None], published: int = 0
) -> None:
    """Make ``path`` hold what ``url`` serves; nothing is done when it is there.

    known: its sha256, whole or its first hex digits; "" when not known, then the hash is written beside it.
    published: its bytes, about; 0 when not known.
    Raises: WeightsError in one line that names the file, the address and the folder. What came is kept, to go on from.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(path.with_name(path.name + PARTIAL), say) as file:
            if path.is_file():
                file.truncate(0)  # fetched by another process, or by hand: what was left is in nobody's use
            else:
                _complete(path, file, _Wanted(url, known, published), patience, say)
    except Broken as broken:
        kind = Unreachable if broken.unreachable else WeightsError
        raise kind(f"{path.name}: {broken}. By hand: {url} into {path.parent}/") from None
    except BrokenPipeError:  # of ``say``
        raise
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written: {error.strerror}. By hand: {url}") from None


def _complete(path: Path, file: FileIO, wanted: _Wanted, patience: Patience, say: Callable[[str], None]) -> None:
    """Raises: Broken, OSError."""
    partial, note = path.with_name(path.name + PARTIAL), path.with_name(path.name + NOTE)
    from_before = os.fstat(file.fileno()).st_size
    if from_before:
        say(f"{path.name}: goes on after {volume(from_before)}")
    told = _persist(wanted, file, note, patience, say)
    digest = sha256([partial])
    if from_before and not digest.startswith(wanted.known or told):
        say(f"{path.name}: what was left from before does not fit; begun anew")
        file.truncate(0)
        told = _persist(wanted, file, note, patience, say)
        digest = sha256([partial])
    if not digest.startswith(right := wanted.known or told):
        os.replace(partial, aside := path.with_name(path.name + REJECTED))
        note.unlink(missing_ok=True)
        both = f"sha256 begins with {digest[:8]}, not {right[:8]}"
        raise Broken(f"{both}: another file or a damaged one, kept as {aside.name}", again=False)
    if not wanted.known:
        write_anew(path.with_name(path.name + RECORD), f"{digest}  {path.name}\n")
        say(f"{path.name}: sha256 {digest}, {'as the server says' if told else 'not known before'}; recorded")
    os.fsync(file.fileno())
    os.replace(partial, path)
    note.unlink(missing_ok=True)


def _persist(wanted: _Wanted, file: FileIO, note: Path, patience: Patience, say: Callable[[str], None]) -> str:
    """``resume`` until the file is whole. Raises: Broken when another try would not mend it, or all were in vain."""
    tries, most, pause = 0, os.fstat(file.fileno()).st_size, patience.pause
    while True:
        try:
            return resume(wanted.url, file, note, wanted.known, patience.stall, wanted.published)
        except Broken as broken:
            there = os.fstat(file.fileno()).st_size
            if there >= most + GAIN:
                tries, most, pause = 0, there, patience.pause
            tries += 1
            if not broken.again or tries >= patience.attempts:
                raise
            wait = min(max(pause, broken.wait), LONGEST)
            name = note.name.removesuffix(NOTE)
            say(f"{name}: {broken}; again in {wait:g} s ({tries + 1} of {patience.attempts})")
        time.sleep(wait)
        pause *= 2
