"""Who is in each looked at frame of a clip: found and followed, or where a track says that they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.errors import ConfigError
from pipeline.decoding.tracks import Track, load
from pipeline.running.clip_people import Sample
from scripts.prediction.cuts import LEAST_ALIKE, Cuts
from scripts.prediction.finding import Finder
from scripts.prediction.following import LEAST_OVERLAP, LOST, Follower
from scripts.prediction.people import Boxes


class Present(NamedTuple):
    """The people in one frame. boxes: (p, 4) inside it. numbers: who they are. found: how each came about, for JSON.
    joints: (p, J, 3) where a track has them."""

    boxes: Boxes
    numbers: list[int]
    found: list[dict[str, Any]]
    joints: NDArray[np.float32] | None = None


class Cast(Protocol):
    """The people of one clip, asked frame by frame in order. how: they came about, for JSON; with the ``reason`` when
    there was nobody in any frame. tracks: person -> where, if it is known for every frame."""

    how: dict[str, Any]
    tracks: Mapping[int, Track]

    def at(self, frame: int, image: Image.Image) -> Present:
        """Raises: DataError, WeightsError."""
        ...


class Followed:
    """Those whom ``finder`` finds in each frame; boxes that are given hold for all."""

    def __init__(self, path: Path, finder: Finder) -> None:
        self.how: dict[str, Any] = {}
        self.tracks: Mapping[int, Track] = {}
        self._path, self._finder, self._follower = path, finder, Follower()
        self._cuts, self._cut_before = Cuts(), list[int]()

    def at(self, frame: int, image: Image.Image) -> Present:
        if self._cuts.before(image):
            self._follower.forget()
            self._cut_before.append(frame)
        found = self._finder.find(self._path, image, film=True)
        if not self.how or "reason" in self.how:
            told = ("boxes", "why", "clamped", *(() if len(found.boxes) else ("reason",)))
            self.how = {name: found.how[name] for name in told if name in found.how}
            if self._finder.boxes is None:
                self.how["followed"] = {
                    "least_overlap": LEAST_OVERLAP,
                    "lost": LOST,
                    "least_alike": LEAST_ALIKE,
                    "cuts": self._cut_before,
                }
        given = self._finder.boxes is not None
        numbers = list(range(len(found.boxes))) if given else self._follower.numbers(found.boxes)
        return Present(found.boxes, numbers, [found.of(person) for person in range(len(found.boxes))])


class Tracked:
    """Those of a file in the form of BoLD's joints."""

    def __init__(self, path: Path, frames: int) -> None:
        """frames: of the video. Raises: ImageError; ConfigError for a track that is of no frame of it."""
        self.tracks = load(path, frames - 1)[1]
        if not any((track.frames < frames).any() for track in self.tracks.values()):
            raise ConfigError(f"TRACK={path}: has nobody in the {frames} frames of the video")
        none = np.full(4, np.nan, np.float32)
        self._samples = {one: Sample((0, frames - 1), none, track) for one, track in sorted(self.tracks.items())}
        self.how: dict[str, Any] = {"boxes": "track", "track": str(path)}

    def at(self, frame: int, image: Image.Image) -> Present:
        seen = {number: sample.at(frame, image.size) for number, sample in self._samples.items()}
        there = {number: (box, joints) for number, (box, joints) in seen.items() if box is not None}
        boxes = np.array([box for box, _ in there.values()], np.float32).reshape(-1, 4)
        joints = [points for _, points in there.values() if points is not None]
        known = np.stack(joints) if joints and len(joints) == len(there) else None
        return Present(boxes, list(there), [{} for _ in there], known)
