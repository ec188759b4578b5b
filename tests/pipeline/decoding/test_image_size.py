"""``size`` from the header is the size of the decoded image, for every format, orientation and refusal."""

import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from bad_images import KINDS
from PIL import Image

from cache.spec import Status
from pipeline.decoding.images import ImageError, decode, size

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 36, 3)).astype(np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'


def exif(orientation: int) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(path: Path, after_pixels: bytes) -> Path:
    """A PNG with a chunk between its pixels and its end."""
    Image.fromarray(PIXELS).save(path)
    path.write_bytes(path.read_bytes()[:-12] + after_pixels + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_every_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    Image.fromarray(PIXELS).save(path := tmp_path / f"a.{suffix}", exif=exif(orientation))
    turned = orientation >= 5
    assert size(path) == ((24, 36) if turned else (36, 24))
    assert size(path) == decode(path).size


@pytest.mark.parametrize("suffix", ["bmp", "gif", "ppm"])
def test_formats_without_orientation(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(PIXELS).save(path := tmp_path / f"a.{suffix}")
    assert size(path) == (36, 24)


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (chunk(b"eXIf", exif(6).tobytes().removeprefix(b"Exif\0\0")), (24, 36)),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), (24, 36)),
        (chunk(b"tEXt", b"date:create\x002024-01-01"), (36, 24)),
    ],
)
def test_png_that_tells_its_orientation_after_its_pixels(
    tmp_path: Path, late: bytes, expected: tuple[int, int]
) -> None:
    path = png_with(tmp_path / "a.png", late)
    assert size(path) == expected == decode(path).size


def test_reads_no_pixels(tmp_path: Path) -> None:
    for suffix in ("jpg", "png"):
        Image.fromarray(PIXELS).save(path := tmp_path / f"a.{suffix}")
        path.write_bytes(path.read_bytes()[:-500])
        assert size(path) == (36, 24)
        with pytest.raises(ImageError, match="not readable"):
            decode(path)


def test_refuses_as_decode_does(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(path := tmp_path / "a.png")
    for function in (size, decode):
        with pytest.raises(ImageError, match=r"36 x 24 = 864 pixels, over the cap of 800") as caught:
            function(path, max_pixels=800)
        assert caught.value.status is Status.TOO_LARGE


@pytest.mark.parametrize("name", [name for name, (_, status, _) in KINDS.items() if status is not Status.OUTSIDE_ROOT])
def test_every_kind_of_trouble(tmp_path: Path, name: str) -> None:
    make, status, _ = KINDS[name]
    make(path := tmp_path / name)
    if status is Status.OK:
        assert size(path) == decode(path).size
        return
    told = None
    with suppress(ImageError):
        told = size(path)
    if told is None:
        with pytest.raises(ImageError) as caught:
            size(path)
        assert caught.value.status is status
    else:
        assert status is Status.BROKEN  # its header alone is sound
