"""What the files that a dataset of clips names say of themselves: videos, and tracks of the people in them."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from cache.errors import DataError, shown
from cache.fingerprint import fingerprint
from pipeline.decoding.images import ImageError
from pipeline.decoding.paths import resolve
from pipeline.decoding.tracks import Track, load
from pipeline.decoding.video import probe

THREADS: Final = 4
"""A disk that has to be asked answers them together."""
FEW: Final = 1000
"""Files that are read in less time than other processes take to begin."""
Span = tuple[int, int]
Asked = tuple[int, Span]
Box = tuple[float, ...]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Film:
    """One video. size: of the upright frames, (0, 0) with the reason in ``fault`` where it cannot be read, and the
    manifest's status for that. frames: how many are shown. declared: how many its header tells of, 0 if it does not."""

    size: tuple[int, int] = (0, 0)
    frames: int = 0
    declared: int = 0
    fault: str = ""
    status: str = ""


@dataclass(frozen=True)
class Tracked:
    """One file of tracks. digest: of its bytes. boxes: (person, span) -> the box that holds the person there, () where
    nothing of the person is seen. frames: person -> the first and last frame that the file has the person in. fault:
    why the file cannot be used."""

    digest: str = ""
    boxes: Mapping[Asked, Box] | None = None
    frames: Mapping[int, Span] = field(default_factory=dict)
    fault: str = ""


def films(root: Path, paths: Iterable[str], max_pixels: int) -> dict[str, Film]:
    """Path -> what the video's header says: a millisecond or three each. Paths are normal and inside ``root``."""
    named = list(paths)
    return dict(zip(named, _each(partial(_film, root, max_pixels), named), strict=True))


def _film(root: Path, max_pixels: int, path: str) -> Film:
    try:
        info = probe(resolve(root, path), max_pixels)
    except ImageError as error:
        return Film(fault=_reason(error, root, path), status=error.status.word)
    return Film(info.size, info.frames, info.declared)


def tracked(root: Path, asked: Mapping[str, Sequence[Asked]]) -> dict[str, Tracked]:
    """Path of a file of tracks -> what it says of the people and spans asked of it."""
    return dict(zip(asked, _each(partial(_tracked, root), list(asked.items())), strict=True))


def _tracked(root: Path, one: tuple[str, Sequence[Asked]]) -> Tracked:
    path, asked = one
    try:
        digest, people = load(resolve(root, path), max(span[1] for _, span in asked))
    except ImageError as error:
        return Tracked(fault=_reason(error, root, path))
    frames = {person: (int(one.frames[0]), int(one.frames[-1])) for person, one in people.items()}
    return Tracked(digest, {one: _within(people.get(one[0]), one[1]) for one in asked}, frames)


def _within(track: Track | None, span: Span) -> Box:
    box = track.within(*span) if track else np.full(4, np.nan, np.float32)
    return () if np.isnan(box).any() else tuple(map(float, box))


def _each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What ``function`` says of each: of many files in a process a core, for most of the work holds Python's lock."""
    if len(items) < FEW:
        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(function, items))
    # Not forked: whoever calls may have threads.
    with ProcessPoolExecutor(
        len(os.sched_getaffinity(0)), get_context("spawn"), initializer=_leave_interrupts
    ) as processes:
        try:
            return list(processes.map(function, items, chunksize=64))
        except BaseException:
            processes.shutdown(cancel_futures=True)
            raise


def _leave_interrupts() -> None:
    """To the process that began this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _reason(error: ImageError, root: Path, path: str) -> str:
    """Without the folder's place, which is another on another machine."""
    text, real = str(error), str((root / path).resolve())
    return text.removeprefix(f"{root / path}: ").removeprefix(f"{real}: ")


def state(root: Path, videos: Iterable[str], tracks: Iterable[str], max_pixels: int) -> str:
    """Names which videos there are, by their bytes' number, and which tracks: a manifest is made anew when one comes or
    goes. What is in the tracks is told by their digests."""
    sizes = [[path, _bytes(root / path)] for path in videos]
    return fingerprint([sizes, [[path, (root / path).is_file()] for path in tracks], max_pixels])


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return -1


def notes(where: Path, found: Mapping[str, Film]) -> list[str]:
    """How many videos cannot be used, and how many end early. Raises: DataError when none of them can be read."""
    short = [(path, film) for path, film in found.items() if film.declared > film.frames]
    told = []
    if short:
        path, film = short[0]
        early = f"first {shown(path)} ({film.frames} of {film.declared} frames)"
        told.append(f"videos that end before their header says, used as far as they go: {len(short)}, {early}")
    faulty = [(path, film) for path, film in found.items() if film.fault]
    if not faulty:
        return told
    first = f"first {shown(faulty[0][0])} ({faulty[0][1].fault})"
    if len(faulty) == len(found):
        raise DataError(f"{where}: of the {len(found)} videos annotated none can be read, {first}. Is ROOT right?")
    counts = ", ".join(f"{count} {status}" for status, count in Counter(film.status for _, film in faulty).items())
    return [f"videos that cannot be used: {len(faulty)} ({counts}), {first}", *told]
