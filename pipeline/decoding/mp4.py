"""What FFmpeg does not tell of an MP4 file before it decodes: whether it is turned, whether it is in fragments."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

_UPRIGHT: Final = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_LARGEST: Final = 64 << 20


def says_upright(path: Path) -> bool:
    """Whether every matrix of an MP4 file is the one that turns nothing."""
    index = _moov(path)
    places = index.count(b"tkhd") + index.count(b"mvhd")
    return 0 < places == index.count(_UPRIGHT)


def is_in_fragments(path: Path) -> bool:
    """Whether there are more frames than the file's own list of them tells."""
    return b"mvex" in _moov(path)


def _moov(path: Path) -> bytes:
    """The box of an MP4 file that describes its tracks, b"" where there is none of usual size."""
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            start = 8
            if size == 1:
                size, start = int.from_bytes(file.read(8), "big"), 16
            if kind == b"moov":
                return file.read(size - start) if start <= size < _LARGEST else b""
            if size < start:
                break
            file.seek(size - start, 1)
    return b""
