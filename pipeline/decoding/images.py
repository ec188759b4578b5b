"""Image files to pixels, and pixels to other pixels. The only user of image decoders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.errors import AffectError
from cache.spec import Status
from pipeline.decoding.formats import FORMATS, opened, several_frames
from pipeline.decoding.orientation import of_decoded, upright, upright_size

MAX_PIXELS = 64_000_000
"""Default cap on width x height, told from the header before a pixel is decoded (MAX_PIXELS of make). Another cap gives
no pixel another value: it only decides which images are read."""

DECODE_POLICY: dict[str, Any] = {
    "version": 1,
    "decoder": "Pillow",
    "formats": list(FORMATS),
    "orientation": "EXIF applied; unreadable EXIF counts as upright",
    "partial": "refused: every pixel is decoded",
    "frames": "first",  # of HEIC the primary one; the word stays, since it names what is extracted
    "bits16": "high byte",
    "float": "0..1 scaled by 255, clipped",
    "cmyk_palette": "converted to RGB without a colour profile",
    "alpha": "composited on black",
    "max_pixels": MAX_PIXELS,
}
"""What decides a pixel's value, for the fingerprint. Raise the version when a change gives other pixels."""


class ImageError(AffectError, ValueError):
    """An image cannot be used. status: MISSING, BROKEN, TOO_LARGE or OUTSIDE_ROOT."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status


def decode(path: Path, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The upright 8-bit RGB image of a file, every pixel decoded, by DECODE_POLICY.

    Raises: ImageError, one line: MISSING when there is no such file; BROKEN when it is no regular file, no image or
    ends early; TOO_LARGE when its header declares more than ``max_pixels``.
    """
    with _opened(path, max_pixels) as image:
        image.load()
        return upright(_to_rgb(image), of_decoded(image))


def size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height of the upright image, EXIF orientation applied: those of ``decode(path)``, from the header.

    No pixel is decoded, so a file that ends early has a size too. Raises: ImageError, as ``decode`` for the header.
    """
    return header(path, max_pixels)[0]


def header(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[tuple[int, int], bool]:
    """``size``, and whether the file holds several frames or pages, of which ``decode`` gives the first (of HEIC the
    primary one). Raises: as ``size``."""
    with _opened(path, max_pixels) as image:
        return upright_size(image), several_frames(image)


@contextmanager
def _opened(path: Path, max_pixels: int) -> Iterator[Image.Image]:
    """The image with its header read; whatever goes wrong with it while it is open is an ImageError."""
    check_file(path)
    try:
        file = path.open("rb")
    except OSError as error:
        raise ImageError(Status.BROKEN, f"{path}: cannot be opened: {error.strerror}") from None
    with file:
        try:
            image = opened(file)
            if (pixels := image.width * image.height) <= max_pixels:
                yield image
        except Exception as error:  # Pillow's plug-ins raise whatever a damaged header leads to
            raise broken(path, error) from None
        if pixels > max_pixels:
            raise too_large(path, image.size, max_pixels)


def too_large(path: Path, size: tuple[int, int], max_pixels: int, what: str = "image") -> ImageError:
    """The error of a header that declares ``size`` = (width, height), with the cure."""
    width, height = size
    text = f"{width} x {height} = {width * height} pixels, over the cap of {max_pixels}"
    raised = f"say MAX_PIXELS={width * height}, then make retry where it failed before"
    return ImageError(Status.TOO_LARGE, f"{path}: {text}; make a smaller copy of the {what}, or {raised}")


def check_file(path: Path, wanted: str = "an image") -> None:
    """Without opening it: a FIFO in an image's place would wait for ever. Raises: ImageError, as ``decode``."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(Status.MISSING, f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise broken(path, error, wanted) from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise ImageError(Status.BROKEN, f"{path}: is {kind}, {wanted} file is wanted")


def broken(path: Path, error: Exception, wanted: str = "an image") -> ImageError:
    """What a decoder says of a file, as one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return ImageError(Status.BROKEN, f"{path}: not readable as {wanted}: {text[:200]}")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        return on_black(image)
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_to_8_bit(image)).convert("RGB")
    return image.convert("RGB")


def on_black(image: Image.Image) -> Image.Image:
    """RGB of an image with transparency."""
    image = image.convert("RGBA")
    black = Image.new("RGB", image.size)
    black.paste(image, mask=image.getchannel("A"))
    return black


def _to_8_bit(image: Image.Image) -> NDArray[np.uint8]:
    """(h, w): 16-bit integers by their high byte, as Pillow reads 16-bit colour; floats from 0..1."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0) * 255 + 0.5
        return np.asarray(np.clip(values, 0, 255), np.uint8)
    return np.asarray(np.clip(values.astype(np.int64), 0, 65535) >> 8, np.uint8)


def resize(
    image: Image.Image,
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
    interpolation: str = "bilinear",
) -> NDArray[np.uint8]:
    """(h, w, 3) RGB, stretched to ``size`` = (h, w), with antialiasing, as torchvision does on tensors.

    box: xyxy pixels inside the image, may be fractional; only this part is shown, though the interpolation at its edge
    reads a pixel or so beyond. interpolation: bilinear or bicubic.
    Raises: ValueError when the box is empty or leaves the image.
    """
    height, width = size
    return np.array(image.resize((width, height), Image.Resampling[interpolation.upper()], box=box))


def resize_region(
    image: Image.Image, size: tuple[int, int], box: NDArray[np.floating], interpolation: str = "bilinear"
) -> NDArray[np.uint8]:
    """As ``resize``, of a ``box`` (4,) xyxy that may leave the image: black outside."""
    x1, y1, x2, y2 = (float(value) for value in box)
    left, top, right, bottom = floor(x1), floor(y1), ceil(x2), ceil(y2)
    if left >= 0 and top >= 0 and right <= image.width and bottom <= image.height:
        return resize(image, size, (x1, y1, x2, y2), interpolation)
    part = image.crop((left, top, right, bottom))
    return resize(part, size, (x1 - left, y1 - top, x2 - left, y2 - top), interpolation)


def blank(image: Image.Image, box: NDArray[np.floating], colour: tuple[int, int, int] | int) -> Image.Image:
    """A copy with every pixel that ``box`` (4,) xyxy touches in one ``colour``, RGB or grey of 0..255."""
    x1, y1, x2, y2 = (float(value) for value in box)
    out = image.copy()
    out.paste(colour, (floor(x1), floor(y1), ceil(x2), ceil(y2)))
    return out


def letterbox(image: Image.Image, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """(h, w, 3) RGB with the image as large as fits at the top left, aspect kept, zeros right or below.

    Returns the pixels and (content_h, content_w), the part that is image: at least one pixel each way.
    """
    height, width = size
    scale = min(height / image.height, width / image.width)
    content = max(1, round(image.height * scale)), max(1, round(image.width * scale))
    out = np.zeros((height, width, 3), np.uint8)
    out[: content[0], : content[1]] = resize(image, content)
    return out, content


def warp(
    pixels: NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int], smooth: bool = False
) -> NDArray[np.uint8]:
    """(h, w, 3) of (H, W, 3) under an affine map: bilinear, black outside.

    matrix: (2, 3), from pixel centres of the source to those of the result. smooth: a source more than twice as fine as
    the result is averaged down first; without, pixels are skipped there, as networks trained on OpenCV's crops expect.
    """
    import cv2

    height, width = size
    factor = int(1 / np.sqrt(abs(np.linalg.det(matrix[:, :2])))) if smooth else 1
    if factor > 1:
        pixels, matrix = _averaged(pixels, matrix, factor)
    return np.asarray(cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


def _averaged(
    pixels: NDArray[np.uint8], matrix: NDArray[np.float64], factor: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """``pixels`` about ``factor`` times smaller, and the matrix that then leads to the same result."""
    import cv2

    height, width = (max(1, side // factor) for side in pixels.shape[:2])
    fine = np.diag([pixels.shape[1] / width, pixels.shape[0] / height, 1.0])
    fine[:2, 2] = np.diag(fine)[:2] / 2 - 0.5  # pixel 0 of the small image covers pixels 0 to factor - 1
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), matrix @ fine
