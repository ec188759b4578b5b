"""A video of the user's: what it is, which of its frames are looked at, and when each is shown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from cache.errors import ConfigError
from cache.spec import Status
from pipeline.decoding import images, video
from pipeline.decoding.images import ImageError
from pipeline.decoding.video import VideoInfo
from pipeline.framed import positions

SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi"))
"""Of a folder's files that may be videos, and of a broken file that was meant to be one."""
PHOTOGRAPHS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
"""Brands of the container of MP4 that stand for photographs; FFmpeg would take them for videos of one frame."""


class Sampling(NamedTuple):
    """every: seconds between looked at frames, at least. most: of them in one video."""

    every: float
    most: int

    def check(self) -> None:
        """Raises: ConfigError."""
        if not 0 < self.every < float("inf"):
            raise ConfigError(f"EVERY={self.every:g}: seconds above 0 are wanted")
        if self.most < 1:
            raise ConfigError(f"FRAMES={self.most}: a whole number from 1 is wanted")


@dataclass(frozen=True)
class Clip:
    """times: of each frame, in seconds from the first. chosen: the frames that are looked at, ascending."""

    path: Path
    info: VideoInfo
    times: Sequence[float]
    chosen: Sequence[int]
    max_pixels: int

    @property
    def seconds(self) -> float:
        """To the end of the last frame."""
        return _length(self.times, self.info.rate)

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, Image.Image]]:
        """Raises: ImageError, with the cure."""
        try:
            yield from video.frames(self.path, wanted, self.max_pixels)
        except ImageError as error:
            raise cured(error) from None


def is_clip(path: Path, max_pixels: int) -> bool:
    """Whether the file is a video: by what it holds, and where it cannot be read by its name, so that it is told as
    what it was meant to be."""
    named = path.suffix.lower() in SUFFIXES
    try:
        images.header(path, max_pixels)
        return False
    except ImageError as error:
        if error.status == Status.TOO_LARGE:
            return False
        if error.status != Status.BROKEN or _is_photograph(path):
            return named
    try:
        video.header(path, max_pixels)
        return True
    except ImageError as wrong:
        return named or wrong.status == Status.TOO_LARGE


def opened(path: Path, sampling: Sampling, max_pixels: int) -> Clip:
    """Raises: ImageError, with the cure."""
    try:
        info, times = video.probe(path, max_pixels), video.times(path, max_pixels)
    except ImageError as error:
        raise cured(error) from None
    if not times and not info.rate:
        raise cured(ImageError(Status.BROKEN, f"{path}: tells neither when its frames are shown nor a rate"))
    times = times[: info.frames] or [frame / info.rate for frame in range(info.frames)]
    wanted = ceil(_length(times, info.rate) / sampling.every - 1e-6)
    count = max(1, min(wanted, sampling.most, len(times)))
    return Clip(path, info, times, positions((0, len(times) - 1), count).tolist(), max_pixels)


def cured(error: ImageError) -> ImageError:
    """With what to do about it."""
    cure = {Status.MISSING: "Give a video, a photograph or a folder of them", Status.BROKEN: "Give a sound copy"}
    return ImageError(error.status, f"{error}. {cure[error.status]} as IMAGE" if error.status in cure else str(error))


def _length(times: Sequence[float], rate: float) -> float:
    return times[-1] + (1 / rate if rate else 0.0)


def _is_photograph(path: Path) -> bool:
    if not path.is_file():  # a FIFO would be waited for
        return False
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    return start[4:8] == b"ftyp" and start[8:12] in PHOTOGRAPHS
