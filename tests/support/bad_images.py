"""One file of every kind of trouble, with the status and the words that the ledger must show for it."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from cache.spec import Status

OK, MISSING, BROKEN = Status.OK, Status.MISSING, Status.BROKEN
TOO_LARGE, OUTSIDE = Status.TOO_LARGE, Status.OUTSIDE_ROOT
SIDE = (48, 40)
"""Width and height of the picture in every sound file."""


def picture(mode: str = "RGB") -> Image.Image:
    """A left half of one colour and a right half of another, so that a turned picture shows."""
    pixels = np.zeros((SIDE[1], SIDE[0], 3), np.uint8)
    pixels[:, :24], pixels[:, 24:] = (200, 40, 40), (40, 40, 200)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_orientation(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture(), "JPEG", exif=exif, quality=95)


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few kilobytes that declares 3.6 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(4000))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def sixteen_bit() -> bytes:
    return encoded(Image.fromarray(np.full(SIDE[::-1], 40_000, np.uint16)), "PNG")


JPEG = encoded(picture(), "JPEG", quality=90)
PNG = encoded(picture(), "PNG")
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
Maker = Callable[[Path], object]


def data(content: bytes) -> Maker:
    return lambda path: path.write_bytes(content)


def _nothing(_: Path) -> None:
    return


def _link_out(path: Path) -> None:
    outside = path.parents[2] / "outside.jpg"
    outside.write_bytes(JPEG)
    path.symlink_to(outside)


KINDS: dict[str, tuple[Maker, Status, str]] = {
    "absent.jpg": (_nothing, MISSING, "no such file"),
    "empty.jpg": (data(b""), BROKEN, "not readable as an image"),
    "one byte.jpg": (data(b"\xff"), BROKEN, "not readable as an image"),
    "only a start.jpg": (data(JPEG[:2]), BROKEN, "not readable as an image"),
    **{f"ends at {part} of 10.jpg": (data(JPEG[: len(JPEG) * part // 10]), BROKEN, "") for part in range(1, 10)},
    **{f"ends at {part} of 4.png": (data(PNG[: len(PNG) * part // 4]), BROKEN, "") for part in range(1, 4)},
    "zeros.jpg": (data(bytes(4000)), BROKEN, "begins with"),
    "text.jpg": (data(b"<html>404 Not Found</html>"), BROKEN, "begins with"),
    "a pickle.jpg": (data(b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00K*."), BROKEN, "begins with"),
    "png called.jpg": (data(PNG), OK, ""),
    "jpeg called.png": (data(JPEG), OK, ""),
    "cmyk.jpg": (data(encoded(picture("CMYK"), "JPEG")), OK, ""),
    "grey.jpg": (data(encoded(picture("L"), "JPEG")), OK, ""),
    "progressive.jpg": (data(encoded(picture(), "JPEG", progressive=True)), OK, ""),
    "with a profile.jpg": (data(encoded(picture(), "JPEG", icc_profile=PROFILE)), OK, ""),
    "extra bytes.jpg": (data(JPEG + b"trailing rubbish" * 50), OK, ""),
    "palette.png": (data(encoded(picture().quantize(16), "PNG")), OK, ""),
    "alpha.png": (data(encoded(picture("RGBA"), "PNG")), OK, ""),
    "grey alpha.png": (data(encoded(picture("LA"), "PNG")), OK, ""),
    "bilevel.png": (data(encoded(picture("1"), "PNG")), OK, ""),
    "16 bit.png": (data(sixteen_bit()), OK, ""),
    "webp.webp": (data(encoded(picture(), "WEBP", lossless=True)), OK, ""),
    "tiff.tif": (data(encoded(picture(), "TIFF")), OK, ""),
    **{f"orientation {turn}.jpg": (data(with_orientation(turn)), OK, "") for turn in range(1, 9)},
    "one pixel.png": (data(encoded(Image.new("RGB", (1, 1)), "PNG")), OK, ""),
    "very wide.png": (data(encoded(Image.new("RGB", (4000, 1)), "PNG")), OK, ""),
    "very high.png": (data(encoded(Image.new("RGB", (1, 4000)), "PNG")), OK, ""),
    "bomb.png": (data(bomb()), TOO_LARGE, "60000 x 60000"),
    "folder.jpg": (lambda path: path.mkdir(), BROKEN, "is a folder"),
    "fifo.jpg": (os.mkfifo, BROKEN, "not a regular file"),
    "link out.jpg": (_link_out, OUTSIDE, "symbolic link leads out"),
    "link to nowhere.jpg": (lambda path: path.symlink_to("gone.jpg"), MISSING, "no such file"),
    "with  spaces .jpg": (data(JPEG), OK, ""),
    "unicode \u00e9\u4e16\U0001f600.jpg": (data(JPEG), OK, ""),
    "new\nline.jpg": (data(JPEG), OK, ""),
    "hash#1.jpg": (data(JPEG), OK, ""),
    "percent%20.jpg": (data(JPEG), OK, ""),
}
