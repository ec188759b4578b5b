"""Which way up the pixels of an image file lie, as its EXIF or XMP says; unreadable EXIF counts as upright.

For pipeline.decoding.images, which applies it.
"""

from __future__ import annotations

from typing import Any, Final

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING: Final = (5, 6, 7, 8)
_ORIENTATION: Final = 0x0112
_PNG_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt")
_PNG_KEYWORDS: Final = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")


def of_decoded(image: Image.Image) -> int:
    """The orientation, 1 to 8, of an image whose pixels are read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF beside sound pixels
        return 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The image turned and mirrored so that it stands."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of the upright image. No pixel is read, but where a PNG tells its orientation after them."""
    width, height = image.size
    return (height, width) if _of_header(image) in _LYING else (width, height)


def _of_header(image: Image.Image) -> int:
    if image.format == "TIFF":
        return 1  # Pillow gives its size upright
    if isinstance(image, PngImageFile) and _told_after_pixels(image.fp):
        image.load()
        return of_decoded(image)
    try:
        return int(Image.Image.getexif(image).get(_ORIENTATION, 1))  # a PNG's own getexif reads every pixel
    except Exception:
        return 1


def _told_after_pixels(file: Any) -> bool:
    """Whether a PNG has a chunk with an orientation after its first with pixels. Leaves the file where it was."""
    start, at, pixels, told = file.tell(), 8, False, False
    while not told:
        file.seek(at)
        head = file.read(8 + max(map(len, _PNG_KEYWORDS)))
        if len(head) < 8:
            break
        kind, data = head[4:8], head[8:]
        told = pixels and (kind == b"eXIf" or (kind in _PNG_TEXTS and data.startswith(_PNG_KEYWORDS)))
        pixels = pixels or kind == b"IDAT"
        at += int.from_bytes(head[:4], "big") + 12
    file.seek(start)
    return told
