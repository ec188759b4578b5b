"""Frames to a video file that any player shows: annotated films. (The demo writes its drawn clips itself.)"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import BinaryIO, Final

import av
import numpy as np
from av.video.reformatter import Colorspace
from PIL import Image

CODECS: Final = {"libx264": "H.264", "mpeg4": "MPEG-4 part 2"}
"""Encoders by FFmpeg's names, the wanted one first, and what they are called. Not every PyAV has the first."""
_OPTIONS: Final = {"libx264": {"crf": "23", "preset": "veryfast"}, "mpeg4": {"qscale": "4", "flags": "+qscale"}}
_TICKS: Final = 48_000
"""Of a second: whole ticks for the usual rates, and few enough for MPEG-4."""
_BT709: Final = 1


def codec() -> str:
    """The first of CODECS that is there."""
    return next(name for name in CODECS if name in av.codecs_available)


def write(file: BinaryIO, frames: Iterable[tuple[float, Image.Image]], rate: float, coder: str) -> int:
    """An MP4 without sound into ``file``, which can seek; how many frames it has.

    frames: when each is shown, in seconds, ascending, and RGB images of one size with even sides; one at least. rate:
    frames a second, for the encoder's planning alone. coder: of CODECS. Raises: ValueError for no or odd frames.
    """
    count, last = 0, -1
    with av.open(file, "w", format="mp4") as out:
        for seconds, image in frames:
            if not count:
                stream = _stream(out, image.size, rate, coder)
            if image.size != (stream.width, stream.height):
                raise ValueError(f"frame {count} is {image.size}, the first {stream.width} x {stream.height}")
            frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709
            )
            last = max(round(seconds * _TICKS), last + 1)
            frame.pts, frame.time_base = last, Fraction(1, _TICKS)
            out.mux(stream.encode(frame))
            count += 1
        if not count:
            raise ValueError("no frame")
        out.mux(stream.encode())
    return count


def _stream(out: av.container.OutputContainer, size: tuple[int, int], rate: float, coder: str) -> av.VideoStream:
    if size[0] % 2 or size[1] % 2:
        raise ValueError(f"frames of {size[0]} x {size[1]}: sides are even")
    planned = Fraction(min(max(rate, 1.0), 240.0)).limit_denominator(1001)  # encoders refuse a rate of nearly none
    stream = out.add_stream(coder, rate=planned, options=_OPTIONS[coder])
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, _TICKS)
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = 1
    return stream
