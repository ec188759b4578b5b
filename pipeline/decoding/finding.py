"""Wanted frames found in a video's stream, each by its position. For pipeline.decoding.video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import av

from cache.spec import Status
from pipeline.decoding.images import ImageError
from pipeline.decoding.packets import Index, Video, runs

MAX_REACH: Final = 10_000
"""How many frames are decoded at most to come to a wanted one."""
NEAR: Final = 30
"""Packets up to which decoding on is taken to be cheaper than a jump."""
Found = tuple[int, Any]


class _PassedError(ImageError):
    """The decoder gave a later frame and not this one."""


def jumping(video: Video, index: Index, wanted: Sequence[int]) -> Iterator[Found]:
    """The wanted frames, each group from the key frame before it."""
    there = [position for position in wanted if position < len(index.times)]
    for group in runs(index, there, NEAR):
        _check_reach(video, index, group)
        done = 0
        for anew in (False, True):  # once more from the start where the container jumps elsewhere, or the decoder
            try:  # needs more than the key frame
                packets = video.rewound() if anew else _from_key(video, index.key(group[0])[1])
                for found in _picked(video, index, packets, group[done:]):
                    done += 1
                    yield found
                if done == len(group) or anew:
                    break
            except _PassedError:
                if anew:
                    raise
            if index.order(group[done]) > MAX_REACH:
                raise _too_far(video, group[done], index.order(group[done]))


def _check_reach(video: Video, index: Index, group: Sequence[int]) -> None:
    at = index.key(group[0])[0]
    for position in group:
        if (reach := index.order(position) - max(at, index.key(position)[0])) > MAX_REACH:
            raise _too_far(video, position, reach)
        at = index.order(position)


def _too_far(video: Video, position: int, reach: int) -> ImageError:
    text = f"frame {position} is {reach:,} frames after the last one from which it can be decoded, over {MAX_REACH:,}"
    return ImageError(Status.TOO_LARGE, f"{video.path}: {text}; encode the video with more key frames, in MP4")


def _from_key(video: Video, time: int) -> Iterator[Any]:
    """Packets from about the key frame of this time stamp on."""
    try:
        video.container.seek(time, stream=video.stream)
    except av.FFmpegError:
        return video.rewound()
    return video.packets()


def _picked(video: Video, index: Index, packets: Iterator[Any], group: Sequence[int]) -> Iterator[Found]:
    """Raises: ImageError BROKEN for a frame that is damaged or made from a damaged one; _PassedError."""
    left, bad = list(reversed(group)), set[int]()
    for packet in packets:
        given, failed = _given(packet)
        if failed:
            bad.add(index.orders.get(packet.pts, 0))
        for frame in given:
            if frame.is_corrupt:
                bad.add(index.orders.get(frame.pts, 0))
            position = index.position(frame.pts)
            if position is None or position < left[-1]:
                continue
            _check_sound(video, index, left[-1], bad)
            if position > left[-1]:
                raise _PassedError(Status.BROKEN, f"{video.path}: frame {left[-1]} cannot be decoded")
            yield left.pop(), _of_size(video, position, frame)
            if not left:
                return
    if left:
        _check_sound(video, index, left[-1], bad)


def counting(video: Video, wanted: Sequence[int]) -> Iterator[Found]:
    """The wanted frames of a file without time stamps, decoded from its start. Beyond a damaged frame there is no
    counting: what it was in the file may have been one frame or none."""
    for before, position in zip((0, *wanted), wanted, strict=False):
        if position - before > MAX_REACH:
            raise _too_far(video, position, position - before)
    left, count = list(reversed(wanted)), 0
    for packet in video.rewound():
        given, failed = _given(packet)
        for frame in given:
            if frame.is_corrupt:
                raise _damaged(video, left[-1], count)
            if count == left[-1]:
                yield left.pop(), _of_size(video, count, frame)
            if not left:
                return
            count += 1
        if failed:
            raise _damaged(video, left[-1], count)


def _given(packet: Any) -> tuple[Sequence[Any], bool]:
    """The frames that the decoder gives for a packet, and whether it refuses the packet."""
    try:
        return packet.decode(), False
    except av.FFmpegError:
        return (), True


def _check_sound(video: Video, index: Index, position: int, bad: set[int]) -> None:
    """bad: places in the file of damaged packets."""
    if not bad:
        return
    first, last = index.key(position)[0], index.order(position)
    if hit := [place for place in bad if first <= place <= last]:
        times = {place: time for time, place in index.orders.items()}
        source = index.position(times[min(hit)])
        raise _damaged(video, position, position if source is None else source)


def _damaged(video: Video, position: int, source: int) -> ImageError:
    led = f", which comes before frame {position}" if not video.timed else f", from which frame {position} is made"
    return ImageError(Status.BROKEN, f"{video.path}: frame {source} is damaged{led if source != position else ''}")


def _of_size(video: Video, position: int, frame: Any) -> Any:
    if (frame.width, frame.height) == video.size:
        return frame
    text = f"frame {position} is {frame.width} x {frame.height}, the video {video.size[0]} x {video.size[1]}"
    raise ImageError(Status.BROKEN, f"{video.path}: {text}; encode it in one size")
