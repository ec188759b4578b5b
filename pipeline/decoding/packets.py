"""Video files opened and their packets put in order, without a pixel decoded. For pipeline.decoding.video."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import av
from av.stream import Disposition

from cache.spec import Status
from pipeline.decoding import mp4
from pipeline.decoding.images import ImageError, broken, check_file, too_large

FORMATS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif"
"""FFmpeg's names of the containers that are read. Play lists are none of them, so that no file leads to another."""
MAX_PACKETS: Final = 1_000_000
"""Of one video: nine hours at 30 frames a second."""
_FFMPEG_PIXELS: Final = (1 << 31) - 1
_SETTLED: Final = 16


class Video:
    """An open file and its first video stream that is no cover picture. size: as coded, not yet upright.

    One thread at a time, and FFmpeg starts none of its own. Raises: ImageError when made or re-opened.
    """

    def __init__(self, path: Path, max_pixels: int) -> None:
        check_file(path, "a video")
        self.path, self.max_pixels = path, max_pixels
        self._open()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()

    def _open(self) -> None:
        self.container = _container(self.path, self.max_pixels)
        try:
            self.stream = _stream(self.path, self.container)
            self.size = self.stream.codec_context.width, self.stream.codec_context.height
            self._check_size()
            self.stream.codec_context.thread_count = 1
            self.stream.codec_context.options = {"max_pixels": str(self.max_pixels)}  # a later frame may be larger
        except BaseException:
            self.container.close()
            raise

    def _check_size(self) -> None:
        if not all(size := self.size):  # unknown, or over the cap in a container that leaves it to the codec
            with _container(self.path, _FFMPEG_PIXELS) as container:
                context = _stream(self.path, container).codec_context
                size = context.width, context.height
        if size[0] * size[1] > self.max_pixels:
            raise too_large(self.path, size, self.max_pixels, "video")
        if not all(self.size):
            raise ImageError(Status.BROKEN, f"{self.path}: does not tell the size of its frames")

    @property
    def is_mp4(self) -> bool:
        """MOV too."""
        return str(self.container.format.name).startswith("mov")

    @property
    def timed(self) -> bool:
        """Whether its packets tell when they are shown. AVI has no place for that; what FFmpeg says there is a guess,
        and a wrong one where frames are stored in another order."""
        return str(self.container.format.name) != "avi"

    def packets(self) -> Iterator[Any]:
        """From where the container stands; the last one is empty and has the decoder give what it still holds."""
        return iter(self.container.demux(self.stream))

    def rewound(self) -> Iterator[Any]:
        """``packets`` from the first one on."""
        self.container.close()
        self._open()
        return self.packets()

    def may_be_turned(self) -> bool:
        """False where the container has no place for a rotation, or MP4's place for it says none."""
        if self.container.format.name in ("avi", "gif"):
            return False
        return not self.is_mp4 or not mp4.says_upright(self.path)


def _container(path: Path, max_pixels: int) -> Any:
    limits = {"max_pixels": str(max_pixels), "format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        return av.open(f"file:{path}", options=limits)
    except Exception as error:  # whatever a damaged header leads to
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> ImageError:
    """Without the file's place, which FFmpeg tells once more."""
    if isinstance(error, av.FFmpegError) and error.strerror:
        error = ValueError(error.strerror)
    return broken(path, error, "a video")


def _stream(path: Path, container: Any) -> Any:
    streams = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
    if not streams:
        raise ImageError(Status.BROKEN, f"{path}: has no video stream")
    if streams[0].codec_context is None:
        raise ImageError(Status.BROKEN, f"{path}: its codec is not known")
    return streams[0]


def listed(video: Video) -> tuple[int, int] | None:
    """How many frames are shown by the list of packets that MP4 and AVI hold, of those that lie wholly in the file and
    of all; no packet is read. None where there is no whole list, as in files in fragments."""
    entries, told = video.stream.index_entries, video.stream.frames
    if video.is_mp4 and (not told or mp4.is_in_fragments(video.path)):
        return None
    if not video.is_mp4 and (video.timed or len(entries) < max(told, 1)):
        return None
    if len(entries) > MAX_PACKETS:
        raise _too_long(video.path)
    end = video.path.stat().st_size
    shown = [entry for entry in entries if entry.size and not entry.is_discard]
    return sum(entry.pos + entry.size <= end for entry in shown), len(shown)


@dataclass
class Index:
    """Which packet is which frame. Packets of equal time stamps cannot be told apart: then there is no index.

    times: of the frames shown, in the order they are shown. orders: time stamp -> place among the stored packets.
    keys: place and time stamp of the packets with which decoding can begin.
    """

    times: list[int] = field(default_factory=list)
    orders: dict[int, int] = field(default_factory=dict)
    keys: list[tuple[int, int]] = field(default_factory=list)

    def position(self, time: int | None) -> int | None:
        """The frame that is shown at ``time``, None where none of those indexed begins then."""
        if time is None:
            return None
        at = bisect_right(self.times, time) - 1
        return at if at >= 0 and self.times[at] == time else None

    def order(self, position: int) -> int:
        """The place of a frame's packet in the file."""
        return self.orders[self.times[position]]

    def key(self, position: int) -> tuple[int, int]:
        """Place and time stamp of the last key frame that is stored and shown before the frame, or is it.

        Frames that are stored after a key frame and shown before it may need what lies before it.
        """
        time, order = self.times[position], self.order(position)
        known = [key for key in self.keys[: bisect_right(self.keys, (order, time))] if key[1] <= time]
        return known[-1] if known else (0, min(self.orders, key=self.orders.__getitem__))


def indexed(video: Video, last: int | None = None) -> Index | None:
    """The index of the packets of a video just opened; with ``last``, of no more than tell the frames up to that one.

    None where packets do not tell when they are shown. Raises: ImageError TOO_LARGE over MAX_PACKETS.
    """
    if not video.timed:
        return None
    index, sound = Index(), True
    for packet in _stored(video.path, video.packets()):
        time, place = packet.pts, len(index.orders)
        if time is None or time in index.orders:
            return None
        sound = sound and (packet.dts is None or packet.dts <= time)
        index.orders[time] = place
        if packet.is_keyframe:
            index.keys.append((place, time))
        if packet.is_discard or _is_hidden(video, packet):
            continue
        index.times.append(time)
        beyond = len(index.times) - last - _SETTLED if last is not None else -1
        if beyond >= 0 and beyond % _SETTLED == 0 and sound and _is_settled(index, last or 0, packet.dts):
            break
    index.times.sort()
    return index


def stored(video: Video) -> int:
    """How many packets there are from the first one on. Raises: ImageError TOO_LARGE over MAX_PACKETS."""
    return sum(1 for _ in _stored(video.path, video.rewound()))


def _stored(path: Path, packets: Iterator[Any]) -> Iterator[Any]:
    for number, packet in enumerate(packet for packet in packets if packet.size):
        if number >= MAX_PACKETS:
            raise _too_long(path)
        yield packet


def _too_long(path: Path) -> ImageError:
    text = f"has more than {MAX_PACKETS:,} frames; cut it into shorter videos"
    return ImageError(Status.TOO_LARGE, f"{path}: {text}")


def _is_settled(index: Index, last: int, now: int | None) -> bool:
    """Whether no later packet is shown before frame ``last``: packets lie in the order in which they are decoded."""
    return now is not None and sum(time < now for time in index.times) > last


def _is_hidden(video: Video, packet: Any) -> bool:
    """VP8 stores frames that are never shown as packets of their own; the fifth bit of a packet says so."""
    return bool(video.stream.codec_context.name == "vp8" and not memoryview(packet)[0] >> 4 & 1)


def runs(index: Index, wanted: Sequence[int], near: int) -> Iterator[list[int]]:
    """``wanted`` frames in groups that are decoded in one go: the next group's key frame lies more than ``near``
    packets after the last frame of this one."""
    group: list[int] = []
    for position in wanted:
        if group and index.key(position)[0] - index.order(group[-1]) > near:
            yield group
            group = []
        group.append(position)
    if group:
        yield group
