"""Which format an image file is in, by its first bytes, and what reads it. Neither its name nor its suffix counts.

For pipeline.decoding.images, which alone decodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from PIL import Image

FORMATS: Final = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
"""Read wherever Pillow is."""
READ: Final = (*FORMATS, "AVIF", "HEIC")
"""All that may be read, the last two where what they need is installed."""
_AVIF: Final = (b"avif", b"avis")
_HEIC: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_SHARED: Final = (b"mif1", b"msf1")
"""Brands of a container of either; those that follow in the file tell which."""
_HEAD: Final = 128
"""Bytes that tell the format: magic numbers, and some two dozen brands."""
_WITH_FRAMES: Final = ("PNG", "WEBP", "TIFF", "GIF", "AVIF", "HEIF")
"""Formats of several frames or pages. A JPEG with more pictures inside (MPO) has the photograph first, and the maps
and previews that cameras add."""


FIRST_FRAME: Final = "of several frames or pages the first is read, of HEIC the primary picture"
"""What is said of a photograph that is an animation, or a file of several."""


def opened(file: Any) -> Image.Image:
    """The image with its header read.

    Not by ``Image.open``, whose own cap on pixels warns or raises by a global setting of Pillow.
    Raises: ValueError for a format that is none of those read, or that needs what is not installed.
    """
    from PIL import TiffImagePlugin, WebPImagePlugin  # noqa: F401 (they register their formats)

    Image.preinit()
    head = file.read(_HEAD)
    file.seek(0)
    for name in FORMATS:
        plugin, accepts = Image.OPEN[name]
        if accepts is None or accepts(head[:16]) is True:
            return _made(plugin, file)
    if (brands := _brands(head)) & {*_AVIF}:
        return _made(_avif(), file)
    if brands & {*_HEIC}:
        return _made(_heif(), file)
    raise ValueError(f"begins with {head[:8]!r}, none of {', '.join(READ)}")


def several_frames(image: Image.Image) -> bool:
    """Whether an opened image is an animation or has several pages; ``images.decode`` takes the first, of HEIC the
    primary one, which the file names."""
    if image.format not in _WITH_FRAMES:
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a later frame is damaged: the first, which alone is read, may be sound
        return True


def _made(plugin: Callable[..., Any], file: Any) -> Image.Image:
    image: Image.Image = plugin(file, "")
    return image


def _brands(head: bytes) -> frozenset[bytes]:
    """Of an ISO media file, the brand that says what it is, or those that it is compatible with."""
    if head[4:8] != b"ftyp":
        return frozenset()
    if (major := head[8:12]) not in _SHARED:
        return frozenset((major,))
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return frozenset(head[at : at + 4] for at in range(16, end, 4))


def _avif() -> Callable[..., Any]:
    from PIL import features

    try:
        from PIL import AvifImagePlugin
    except ImportError:  # before Pillow 11.3
        readable = False
    else:
        readable = bool(features.check("avif"))
    if not readable:
        raise ValueError("is AVIF, which this Pillow cannot read. Install Pillow 11.3 or later as a wheel")
    return AvifImagePlugin.AvifImageFile


def _heif() -> Callable[..., Any]:
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise ValueError("is HEIC. Install the extra that reads it: pip install 'affect-cache[heic]'") from None
    plugin: Callable[..., Any] = HeifImageFile
    return plugin
