"""Which decoder gives the frame that was asked for: PyAV as pipeline.decoding.video uses it, or OpenCV's VideoCapture,
on clips whose frames carry their number in eight squares.

Eight frames are asked of each clip, each by a jump. Counted: those whose picture says another number or that are not
given; of the damaged clip, those given without a word. Milliseconds a frame on one thread, the rounds of the decoders
in turn. Writes bench/video_decoders.json.
"""

import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.decoding.images import ImageError
from pipeline.decoding.video import frames
from scripts.bench.results import machine, record

FRAMES, SIZE, WANTED, ROUNDS = 120, (320, 240), (3, 21, 34, 47, 60, 83, 97, 113), 3
Decoder = Callable[[Path, Sequence[int]], list[NDArray[Any]]]


def picture(number: int) -> NDArray[np.uint8]:
    """(h, w, 3): eight squares, the lowest bit at the top left, over noise."""
    bits = np.array([number >> bit & 1 for bit in range(8)], np.uint8).reshape(2, 4)
    squares = np.kron(bits, np.full((SIZE[1] // 2, SIZE[0] // 4), 200, np.uint8))
    return np.asarray(squares[..., None] + np.random.default_rng(number).integers(0, 40, (*squares.shape, 3)), np.uint8)


def number(pixels: NDArray[Any]) -> int:
    """What ``picture`` was called with."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 4
    return sum(
        int(pixels[row * height : (row + 1) * height, column * width : (column + 1) * width].mean() > 120)
        << 4 * row + column
        for row in range(2)
        for column in range(4)
    )


def video(path: Path, codec: str, options: dict[str, str], times: Sequence[int]) -> Path:
    """The clip of frames 0, 1, ... shown at ``times`` in 1/25 s."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.time_base = 50, Fraction(1, 25)
        for place, shown in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(place), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = shown, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def changed(path: Path, change: str) -> Path:
    """The MP4 file with an edit list that leaves out five frames, or with the 97th packet overwritten."""
    data = bytearray(path.read_bytes())
    if change == "edit list":
        at = data.index(b"elst") + 16
        data[at : at + 4] = struct.pack(">i", struct.unpack(">i", data[at : at + 4])[0] + 5 * 512)
    else:
        with av.open(str(path)) as file:
            places = [packet.pos or 0 for packet in file.demux(video=0) if packet.size]
        start, end = list(pairwise(places))[95]
        data[start + 8 : end] = bytes(end - start - 8)
    path.write_bytes(data)
    return path


def by_pyav(path: Path, wanted: Sequence[int]) -> list[NDArray[Any]]:
    """One call for all, as extraction does. An error ends it."""
    found: list[NDArray[Any]] = []
    try:
        found.extend(np.asarray(image) for _, image in frames(path, wanted))
    except ImageError as error:
        print(f"  told: {str(error).partition(': ')[2]}")
    return found


def by_opencv(path: Path, wanted: Sequence[int]) -> list[NDArray[Any]]:
    """Each by a jump."""
    capture, found = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]), list[NDArray[Any]]()
    for position in wanted:
        capture.set(cv2.CAP_PROP_POS_FRAMES, position)
        there, pixels = capture.read()
        found += [pixels[..., ::-1]] if there else []
    return found


def main() -> int:
    """Compare, print and record."""
    decoders: dict[str, Decoder] = {"pyav": by_pyav, "opencv": by_opencv}
    even, uneven = range(FRAMES), np.cumsum(np.arange(FRAMES) % 7 + 1).tolist()
    out: dict[str, Any] = {"frames": len(WANTED), "clips": {}}
    with tempfile.TemporaryDirectory() as name:
        folder, b_frames = Path(name), {"bf": "3", "preset": "veryfast"}
        clips = {
            "h264 with B-frames, mp4": video(folder / "a.mp4", "libx264", b_frames, even),
            "h264 with B-frames, avi": video(folder / "b.avi", "libx264", b_frames, even),
            "mpeg4, mp4": video(folder / "c.mp4", "mpeg4", {"bf": "2"}, even),
            "vp9, webm": video(folder / "d.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}, even),
            "changing rate, mp4": video(folder / "e.mp4", "libx264", b_frames, uneven),
            "edit list, mp4": changed(video(folder / "f.mp4", "libx264", b_frames, even), "edit list"),
            "damaged, mp4": changed(video(folder / "g.mp4", "mpeg4", {"sc_threshold": "1000000000"}, even), "damage"),
        }
        for clip, path in clips.items():
            out["clips"][clip] = compared(clip, path, decoders)
            print(clip, out["clips"][clip])
    record("video_decoders", out | machine())
    return 0


def compared(clip: str, path: Path, decoders: dict[str, Decoder]) -> dict[str, dict[str, float]]:
    """Decoder -> how many frames are right and milliseconds a frame."""
    later = 5 if clip.startswith("edit") else 0
    taken: dict[str, list[float]] = {name: [] for name in decoders}
    right: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, decode in decoders.items():
            began = time.perf_counter()
            found = decode(path, WANTED)
            taken[name].append((time.perf_counter() - began) / len(WANTED) * 1000)
            pairs = zip([number(pixels) for pixels in found], WANTED, strict=False)
            right[name] = sum(told == position + later for told, position in pairs)
    return {name: {"right": right[name], "milliseconds": round(statistics.median(taken[name]), 2)} for name in decoders}


if __name__ == "__main__":
    raise SystemExit(main())
