"""Small videos whose frames carry their number: eight squares, black or white, the lowest bit at the top left."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

RATE = 25
MATRIX = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


def picture(number: int, size: tuple[int, int] = (128, 96)) -> NDArray[np.uint8]:
    """(h, w, 3): frame ``number``, 0 to 255."""
    width, height = size
    out = np.zeros((height, width, 3), np.uint8)
    for bit in range(8):
        row, column = divmod(bit, 4)
        out[row * height // 2 : (row + 1) * height // 2, column * width // 4 : (column + 1) * width // 4] = 255 * (
            number >> bit & 1
        )
    return out


def number(image: Image.Image) -> int:
    """What ``picture`` was called with, read from the middle of each square."""
    pixels = np.asarray(image.convert("L"), float)
    height, width = pixels.shape
    rows, columns = [height // 4, height * 3 // 4], [width * part // 8 for part in (1, 3, 5, 7)]
    bits = [pixels[y - 3 : y + 4, x - 3 : x + 4].mean() > 127 for y in rows for x in columns]
    return sum(1 << place for place, bit in enumerate(bits) if bit)


def video(
    path: Path,
    frames: int = 60,
    codec: str = "libx264",
    *,
    size: tuple[int, int] = (128, 96),
    options: dict[str, str] | None = None,
    times: Sequence[int] | None = None,
    form: str = "yuv420p",
    key_every: int = 20,
    container: dict[str, str] | None = None,
    pictures: Sequence[NDArray[np.uint8]] | None = None,
) -> Path:
    """``frames`` numbered pictures, or ``pictures``. times: of each frame in 1/25 s. container: the muxer's options."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container or {}) as out:
        stream = out.add_stream(codec, rate=RATE, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt, stream.codec_context.gop_size = form, key_every
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, RATE)
        for place in range(frames):
            pixels = pictures[place] if pictures else picture(place, size)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=form)
            frame.pts, frame.time_base = times[place] if times else place, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def sound(path: Path) -> Path:
    """A video file's container with an audio stream alone."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def turned(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """The MP4 file with another matrix in its track's header: a pixel (x, y) is shown at (a x + c y, b x + d y)."""
    data = bytearray(path.read_bytes())
    at = data.index(MATRIX, data.index(b"tkhd"))
    data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def cut_at_start(path: Path, frames: int, of: int) -> Path:
    """The MP4 file with an edit list that begins ``frames`` later and lasts to the end."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    _, start = struct.unpack(">Ii", data[at : at + 8])
    data[at : at + 8] = struct.pack(">Ii", (of - frames) * 1000 // RATE, start + frames * 512)
    path.write_bytes(data)
    return path
