"""Makes faces.csv whole: looks for the faces of the images that are not in it, and goes on where a run was ended."""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final

from cache.errors import DataError
from cache.files import PARTIAL, remove, replace_text
from cache.spec import FAILURES, Status
from pipeline.datasets._face_list import Entry, head, read, stale, text
from pipeline.decoding.images import ImageError, decode
from pipeline.decoding.paths import resolve
from pipeline.networks.faces import Detector, Faces
from pipeline.progress import Progress
from pipeline.weights.folder import Weights
from pipeline.weights.partials import open_partial

Look = Callable[[str, int], Entry]
"""Path and bytes of an image -> its entry; called in many threads, raises nothing for a bad image."""
Say = Callable[[str], None]
AHEAD: Final = 4
"""Images under way for each thread."""


def complete(file: Path, images: Mapping[str, int], look: Look, say: Say) -> None:
    """Bring ``file`` (a faces.csv) up to date with ``images`` (path -> bytes).

    Every entry is on the disk as soon as it is known, in ``<file>.partial``; a run that was ended goes on from there.
    Raises: DataError when the folder cannot be written, another process is at it, or the list is damaged.
    """
    entries, current = read(file)
    if current and not _todo(entries, images, look):
        return
    with _Journal(file) as journal:
        entries, current = read(file)  # again: a process that held the lock may have made it whole
        if not current:
            say(f"{file}: was made with another detector. All images are looked at again")
            entries = {}
        found = {path: one for path, one in journal.entries.items() if one.bytes == images.get(path)}
        todo = _todo(entries | found, images, look)
        known = len(images) - len(todo)
        say(f"looking for the faces of {len(todo)} images, once, for {file} ({known} are known)")
        progress = Progress("faces", len(todo))
        try:
            with closing(_each(look, [(path, images[path]) for path in todo])) as coming:
                for entry in coming:
                    journal.add(entry)
                    found[entry.path] = entry
                    progress.step(1, int(entry.status in FAILURES))
        finally:
            progress.close()
        replace_text(file, text((entries | found).values()))
        journal.finish()


def _todo(entries: Mapping[str, Entry], images: Mapping[str, int], look: Look) -> list[str]:
    """The images to look at: those that are stale, and those that could not be used and now give something else."""
    todo = stale(entries, images)
    again = [path for path in images.keys() - set(todo) if entries[path].status in FAILURES]
    return todo + sorted(path for path in again if look(path, images[path]) != entries[path])


def _each(look: Look, todo: Sequence[tuple[str, int]]) -> Generator[Entry]:
    """The entries, in order, one image at a time on each core; when the caller stops, so do the threads."""
    threads = len(os.sched_getaffinity(0))
    window: deque[Future[Entry]] = deque()
    with ThreadPoolExecutor(threads, "faces") as pool:
        try:
            for path, length in todo:
                window.append(pool.submit(look, path, length))
                if len(window) >= AHEAD * threads:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:
            for future in window:
                future.cancel()


class Looker:
    """Reads an image and finds its largest face. The network is loaded when the first image is readable; from then to
    the end of the ``with`` torch works on one thread, since there is one image on each core."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._detector: Detector | None = None
        self._lock = Lock()
        self._threads = 0

    def __enter__(self) -> Looker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._detector is not None:
            import torch

            torch.set_num_threads(self._threads)

    def __call__(self, path: str, length: int) -> Entry:
        """Raises: WeightsError; never for a bad image."""
        file = self.root / path
        try:
            file = resolve(self.root, path)
            image = decode(file)
        except ImageError as error:  # where the root lies is no part of an entry
            return Entry(path, length, error.status, note=_one_line(str(error).removeprefix(f"{file}: ")))
        detector = self._loaded()
        try:
            (found,) = detector.detect([detector.search(image)])
        except (RuntimeError, ValueError, MemoryError) as error:  # this image's fault, not the run's
            return Entry(path, length, Status.FAILED, image.size, note=_one_line(f"{type(error).__name__}: {error}"))
        return _entry(path, length, image.size, found)

    def _loaded(self) -> Detector:
        with self._lock:
            if self._detector is None:
                import torch

                made = Detector()
                made.load("cpu", Weights(Path()))
                self._threads = torch.get_num_threads()
                torch.set_num_threads(1)
                self._detector = made
            return self._detector


def _entry(path: str, length: int, size: tuple[int, int], found: Faces) -> Entry:
    """Of an image in which ``found`` was found; what is left of a face at an edge may round to nothing."""
    none = Entry(path, length, Status.NO_FACE, size)
    largest = found.largest()
    if largest is None:
        return none
    x1, y1, x2, y2 = (round(value, 2) for value in found.boxes[largest].astype(float).tolist())
    if x1 == x2 or y1 == y2:
        return none
    confidence = round(float(found.confidence[largest]), 4)
    return Entry(path, length, Status.OK, size, (x1, y1, x2, y2), confidence, len(found.boxes))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


class _Journal:
    """``<file>.partial``: the first line of the list, then entries as they come. Whoever has it open is alone at it.

    entries: what an earlier run with this detector left; a last line that is not whole is cut off.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.path = file, file.with_name(f"{file.name}.partial")
        self.entries: dict[str, Entry] = {}

    def __enter__(self) -> _Journal:
        with self._writing():
            self._descriptor = open_partial(self.path, DataError)
        try:
            with self._writing():
                self._take()
                self._begin()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)

    def add(self, entry: Entry) -> None:
        """Raises: DataError when the disk does not take it."""
        with self._writing():
            self._write(f"{entry.line()}\n")

    def finish(self) -> None:
        """The list is written; nothing is left to go on from."""
        remove(self.path)

    def _take(self) -> None:
        busy = f"{self.path}: another process is looking for these faces. Wait for it, then run the same command again"
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(busy) from None
        if os.fstat(self._descriptor).st_nlink == 0:  # that process has just finished and removed it
            raise DataError(busy)
        for leftover in self.file.parent.glob(f"{PARTIAL}*-{self.file.name}"):
            remove(leftover)

    def _begin(self) -> None:
        """Read what is there, up to the first line that is not whole, and go on after it."""
        with os.fdopen(os.dup(self._descriptor), "rb") as reader:
            lines = reader.read().split(b"\n")[:-1]
        start = head().encode()
        length = 0
        for line in lines if lines[:1] == [start] else []:
            if length:
                with suppress(ValueError):
                    entry = Entry.parse(line.decode())
                    self.entries[entry.path] = entry
                    length += len(line) + 1
                    continue
                break
            length = len(line) + 1
        os.ftruncate(self._descriptor, length)
        os.lseek(self._descriptor, length, os.SEEK_SET)
        if not length:
            self._write(f"{start.decode()}\n")

    def _write(self, line: str) -> None:
        data = line.encode(errors="backslashreplace")
        while data:
            data = data[os.write(self._descriptor, data) :]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            text = (
                f"{self.path}: cannot be written: {error.strerror}. The annotation names no faces, so they are listed"
            )
            cure = "beside the images once: make ROOT writable for one run, or put a faces.csv made elsewhere into it"
            raise DataError(f"{text} {cure}") from None
