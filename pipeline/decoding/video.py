"""Video files to frames. The only user of video decoders.

A frame's position is its place in the order in which frames are shown, from 0; frames that an edit list leaves out
have none. Positions come from the packets' time stamps, never from a frame rate, so they hold with frames stored in
another order (B-frames), with changing rates and after a jump to a key frame. A file whose packets have no time stamps
(AVI) is decoded from its start and counted.
Compared in bench/video_decoders.json: PyAV and OpenCV's VideoCapture, on clips whose frames carry their number. OpenCV
jumps by a rate, so that with a changing one 3 of 8 frames are others, and it gives a damaged frame without a word;
PyAV takes no longer. torchcodec's wheel needs FFmpeg's libraries of the system, PyAV's brings its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
from av.sidedata.sidedata import Type
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from cache.spec import Status
from pipeline.decoding.finding import MAX_REACH, counting, jumping
from pipeline.decoding.images import MAX_PIXELS, ImageError, on_black
from pipeline.decoding.packets import FORMATS, MAX_PACKETS, Video, indexed, listed, stored, unreadable

VIDEO_POLICY: dict[str, Any] = {
    "version": 1,
    "decoder": "FFmpeg by PyAV, one thread",
    "formats": FORMATS,
    "positions": "order shown, from 0, by time stamps; AVI by counting",
    "orientation": "display matrix applied in steps of 90 degrees, mirrored where it mirrors",
    "colour": "8-bit RGB, matrix and range as the file says, BT.601 and limited where it does not; no tone mapping",
    "conversion": "bilinear chroma, accurate rounding, full chroma, bit-exact",
    "alpha": "composited on black",
    "pixels": "as coded, whatever their aspect",
    "partial": "refused: a frame that is damaged, or is made from a damaged one",
    "max_reach": MAX_REACH,
    "max_packets": MAX_PACKETS,
}
"""What decides a frame's pixels, for the fingerprint. Raise the version when a change gives other pixels."""

_FLAGS: Final = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
_TURNS: Final = {  # signs of (a, b, c, d): a pixel (x, y) comes to (a x + c y, b x + d y)
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
_CLOCKWISE: Final = {(0, 1, -1, 0): 90, (-1, 0, 0, -1): 180, (0, -1, 1, 0): 270, (0, 1, 1, 0): 90, (0, -1, -1, 0): 270}
Signs = tuple[int, int, int, int]


@dataclass(frozen=True)
class VideoInfo:
    """size: width, height of the upright frames. frames: how many are shown; of AVI, whose frames only decoding can
    count, how many are stored. rate: frames a second on average. rotation: degrees clockwise that make the stored
    frames upright. declared: how many frames the file tells of where it does, else 0: one that ends early has fewer.
    """

    size: tuple[int, int]
    frames: int
    rate: float
    rotation: int
    declared: int = 0


def header(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height of the upright frames: about a millisecond, and a frame's decoding where the file may be turned.

    Raises: ImageError, one line: MISSING when there is no such file; BROKEN when it is no regular file or no video;
    TOO_LARGE when a frame has more than ``max_pixels``.
    """
    with Video(path, max_pixels) as video:
        return _header(video)[0]


def probe(path: Path, max_pixels: int = MAX_PIXELS) -> VideoInfo:
    """What the packets say: of MP4 and AVI by the list that the file has of them, else by reading all.

    Raises: as ``header``; TOO_LARGE for more than MAX_PACKETS too.
    """
    with Video(path, max_pixels) as video:
        rate = float(video.stream.average_rate or 0)
        try:
            count, told = listed(video) or (_counted(video), 0)
        except av.FFmpegError as error:
            raise unreadable(path, error) from None
        if not count:
            raise ImageError(Status.BROKEN, f"{path}: holds no frame")
        size, rotation = _header(video)
        return VideoInfo(size, count, rate, rotation, told)


def times(path: Path, max_pixels: int = MAX_PIXELS) -> list[float]:
    """When each frame is shown, in seconds from the first, by the packets' time stamps; [] where they have none.

    Raises: as ``probe``.
    """
    with Video(path, max_pixels) as video:
        try:
            index, unit = indexed(video), float(video.stream.time_base or 0)
        except av.FFmpegError as error:
            raise unreadable(path, error) from None
    return [(time - index.times[0]) * unit for time in index.times] if index else []


def frames(path: Path, wanted: Sequence[int], max_pixels: int = MAX_PIXELS) -> Iterator[tuple[int, Image.Image]]:
    """Position and upright RGB image of each of the ``wanted`` frames (ascending, distinct) that the video has.

    Stops where the stream ends before. Raises: as ``header``; BROKEN naming the frame when one is damaged or is made
    from a damaged one; TOO_LARGE when more than MAX_REACH frames have to be decoded to come to the next wanted one;
    ValueError when ``wanted`` is not ascending.
    """
    if any(b <= a for a, b in zip((-1, *wanted), wanted, strict=False)):
        raise ValueError("wanted frames are ascending and distinct, from 0")
    if not wanted:
        return
    with Video(path, max_pixels) as video:
        try:
            index = indexed(video, wanted[-1])
            found = jumping(video, index, wanted) if index else counting(video, wanted)
            rgb = VideoReformatter()
            for position, frame in found:
                yield position, _upright(_image(frame, rgb), frame)
        except av.FFmpegError as error:
            raise unreadable(path, error) from None


def _header(video: Video) -> tuple[tuple[int, int], int]:
    """Size of the upright frames and the rotation."""
    signs = _first_signs(video) if video.may_be_turned() else None
    width, height = video.size
    size = (height, width) if signs and not signs[0] else (width, height)
    return size, _CLOCKWISE.get(signs, 0) if signs else 0


def _first_signs(video: Video) -> Signs | None:
    """Of the first frame that can be decoded: FFmpeg tells the rotation with the frames."""
    for tried, packet in enumerate(video.rewound()):
        try:
            for frame in packet.decode():
                return _signs(frame)
        except av.FFmpegError:
            pass
        if tried > 100:
            break
    return None


def _signs(frame: Any) -> Signs | None:
    """Of the frame's display matrix, None where it turns nothing or by no quarter."""
    if (data := frame.side_data.get(Type.DISPLAYMATRIX)) is None:
        return None
    values = memoryview(bytes(data)).cast("i")
    a, b, c, d = ((value > 0) - (value < 0) for value in (values[0], values[1], values[3], values[4]))
    return (a, b, c, d) if (a, b, c, d) in _TURNS else None


def _counted(video: Video) -> int:
    """By reading every packet."""
    index = indexed(video)
    return len(index.times) if index else stored(video)


def _image(frame: Any, converter: VideoReformatter) -> Image.Image:
    """8-bit RGB of a decoded frame, as stored."""
    alpha = any(part.is_alpha for part in frame.format.components) or frame.format.has_palette
    form = "rgba" if alpha else "rgb24"
    picture = converter.reformat(frame, format=form, interpolation=_FLAGS, threads=1).to_ndarray()
    return on_black(Image.fromarray(picture)) if alpha else Image.fromarray(picture)


def _upright(image: Image.Image, frame: Any) -> Image.Image:
    return image.transpose(_TURNS[signs]) if (signs := _signs(frame)) else image
