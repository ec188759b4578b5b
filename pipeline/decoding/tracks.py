"""Files that say where people are in each frame of a video, in the form of BoLD's joints.

A file is one .npy array of numbers, rows of 56: frame, person, and 18 joints of x, y, score, in pixels of the upright
frame. Frames are those of a longer film; less the first in the file they are the clip's, from 0. Where all numbers fit
the frames that are asked for they are the clip's as they stand, so that a file that begins with a later frame is not
moved to the first. Joints are in the
COCO-18 order: 0 nose, 1 neck, 2-4 right arm, 5-7 left arm, 8-10 right leg, 11-13 left leg, 14 right eye, 15 left eye,
16 right ear, 17 left ear. A joint whose score is under MIN_SCORE, or that lies at (0, 0), is not there.
The box of a person is the smallest that holds the joints that are there, with MARGIN, of which the thesis that works
on BoLD (section 5.2.1) says nothing.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cache.errors import DataError
from cache.fingerprint import digest
from cache.spec import Status
from pipeline.decoding.images import ImageError, check_file
from pipeline.decoding.paths import resolve

JOINTS: Final = 18
WIDTH: Final = 2 + 3 * JOINTS
MIN_SCORE: Final = 0.1
MARGIN: Final = 0.0
"""Of a box's width and height, added on each side."""
TRACK_POLICY: Final = {"tracks": 1, "least_score": MIN_SCORE, "margin": MARGIN}
"""What decides a box, for the fingerprint. Raise the number when a change gives other boxes."""
LARGEST: Final = 64 << 20
"""Bytes of a file."""
MOST_ROWS: Final = LARGEST // (8 * WIDTH)
"""However few bytes a number has, since all become 8."""
_LARGEST_NUMBER: Final = 1 << 31
_KEPT: Final = 16
_HEADERS: Final = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True, eq=False)
class Track:
    """One person in a video.

    frames: (k,) ascending. boxes: (k, 4) float32 xyxy, not yet cut to the image, NaN where there is none. joints:
    (k, J, 3) float32 x, y, score as the file has them, or None where the file holds boxes alone.
    """

    frames: NDArray[np.int32]
    boxes: NDArray[np.float32]
    joints: NDArray[np.float32] | None = None

    def at(self, frame: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Box (4,), NaN where the person has none in ``frame``, and joints (J, 3), None where the track has no row."""
        place = int(np.searchsorted(self.frames, frame))
        if place == len(self.frames) or self.frames[place] != frame:
            return np.full(4, np.nan, np.float32), None
        return self.boxes[place], None if self.joints is None else self.joints[place]

    def within(self, first: int, last: int) -> NDArray[np.float32]:
        """(4,): the box that holds those of all frames from ``first`` to ``last``, NaN where none has one."""
        inside = self.boxes[(self.frames >= first) & (self.frames <= last)]
        inside = inside[~np.isnan(inside).any(axis=1)]
        if not len(inside):
            return np.full(4, np.nan, np.float32)
        return np.concatenate([inside[:, :2].min(axis=0), inside[:, 2:].max(axis=0)])


def read_track(root: Path, relative: str, person: int, known: str = "", last: int | None = None) -> Track:
    """The track of ``person`` in the file ``root/relative``; the files used last stay in memory.

    known: the digest that the file must have, "" for any. last: of the frames that are asked of the file, for all its
    people; None: its numbers are a film's. Raises: ImageError, one line: MISSING, OUTSIDE_ROOT, and
    BROKEN for a file that is none of tracks, is another one than that known, or has no such person.
    """
    path = resolve(root, relative)
    found, tracks = _kept(path, known, last) if known else load(path, last)
    if known and found != known:
        text = "is another file than when the annotation was read; make extract reads it again"
        raise ImageError(Status.BROKEN, f"{path}: {text}")
    if person not in tracks:
        raise ImageError(Status.BROKEN, f"{path}: holds no person {person}")
    return tracks[person]


def load(path: Path, last: int | None = None) -> tuple[str, Mapping[int, Track]]:
    """A file's digest, and person -> track. last: as of ``read_track``. Raises: ImageError, as it does."""
    check_file(path, "a .npy")
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise ImageError(Status.TOO_LARGE, f"{path}: {size} bytes, over the cap of {LARGEST} for joints")
        data = path.read_bytes()
        return digest(data), parsed(data, last)
    except OSError as error:
        raise ImageError(Status.BROKEN, f"{path}: cannot be read: {error.strerror}") from None
    except DataError as error:
        raise ImageError(Status.BROKEN, f"{path}: {error}") from None


@lru_cache(maxsize=_KEPT)
def _kept(path: Path, known: str, last: int | None) -> tuple[str, Mapping[int, Track]]:  # noqa: ARG001 (a changed file is another)
    return load(path, last)


def parsed(data: bytes, last: int | None = None) -> dict[int, Track]:
    """Person -> track, of a file's bytes. last: as of ``read_track``. Raises: DataError that says what is wrong,
    without the file's name."""
    rows = _rows(data)
    if not len(rows):
        return {}
    whole = rows[:, :2]
    if (whole != np.floor(whole)).any() or (np.abs(whole) >= _LARGEST_NUMBER).any() or (whole < 0).any():
        raise DataError("has a frame or a person that is no whole number from 0")
    order = np.lexsort((whole[:, 0], whole[:, 1]))
    start = 0 if last is not None and whole[:, 0].max() <= last else whole[:, 0].min()
    frames, people = (whole[order, 0] - start).astype(np.int32), whole[order, 1]
    again = np.flatnonzero((np.diff(frames) == 0) & (np.diff(people) == 0))
    if again.size:
        text = f"has person {people[again[0]]:g} twice in frame {frames[again[0]]}, counted from {start:g}"
        raise DataError(text)
    joints = rows[order, 2:].astype(np.float32).reshape(-1, JOINTS, 3)
    boxes = boxes_of(joints)
    starts = [0, *(np.flatnonzero(np.diff(people)) + 1).tolist(), len(people)]
    parts = [slice(start, end) for start, end in pairwise(starts)]
    return {int(people[part][0]): Track(frames[part], boxes[part], joints[part]) for part in parts}


def boxes_of(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    """(k, 4) xyxy of (k, J, 3): NaN where the joints that are there span no area."""
    x, y, score = (joints[..., axis] for axis in range(3))
    there = (score >= MIN_SCORE) & ((x != 0) | (y != 0))
    low = [np.where(there, side, np.inf).min(axis=1) for side in (x, y)]
    high = [np.where(there, side, -np.inf).max(axis=1) for side in (x, y)]
    boxes = np.stack([*low, *high], axis=1)
    boxes[(boxes[:, :2] >= boxes[:, 2:]).any(axis=1)] = np.nan
    extent = boxes[:, 2:] - boxes[:, :2]
    boxes[:, :2] -= MARGIN * extent
    boxes[:, 2:] += MARGIN * extent
    return boxes.astype(np.float32)


def _rows(data: bytes) -> NDArray[np.float64]:
    """(n, WIDTH) finite numbers. The header is checked before anything is allocated by it."""
    file = io.BytesIO(data)
    try:
        shape, by_column, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
    except Exception:  # whatever a damaged header leads to
        raise DataError("is no .npy file of numbers") from None
    if dtype.kind not in "fiu":
        raise DataError(f"holds {dtype}, numbers are wanted")
    if len(shape) != 2 or shape[1] != WIDTH:
        raise DataError(
            f"is of shape {_shown(shape)}, rows of {WIDTH} are wanted: frame, person, {JOINTS} x (x, y, score)"
        )
    if shape[0] > MOST_ROWS:
        raise DataError(f"has {shape[0]} rows, over the cap of {MOST_ROWS}")
    if shape[0] * WIDTH * dtype.itemsize != len(data) - file.tell():
        raise DataError(f"has {len(data) - file.tell()} bytes of numbers, its shape {_shown(shape)} says otherwise")
    numbers = np.frombuffer(data, dtype, offset=file.tell())
    rows = numbers.reshape(shape, order="F" if by_column else "C").astype(np.float64)
    if not np.isfinite(rows).all() or (np.abs(rows) >= 1e30).any():
        raise DataError("has a number that is not finite")
    return np.asarray(rows)


def _shown(shape: tuple[Any, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
