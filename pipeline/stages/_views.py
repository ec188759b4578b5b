"""What ``backbone`` looks at: (h, w, 3) uint8 RGB of an image, of its persons, or of another feature's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.spec import Status
from pipeline.decoding import boxes, images, regions
from pipeline.decoding.outlines import HALF
from pipeline.stage import Failed, Photo
from pipeline.stages._heads import NO_JOINTS, head

Pixels = NDArray[np.uint8]
Size = tuple[int, int]
Crop = Literal["stretch", "square", "expand"]
BLACK = (0, 0, 0)


def body(image: Image.Image, box: NDArray[np.float32], crop: Crop, margin: float) -> NDArray[np.float64]:
    """The region (4,) xyxy of ``image`` that stands for the person in ``box``; a square may leave a narrow image.

    stretch: the box. expand: with width and height times 1 + ``margin``, as much of it as is in the image. square: as
    wide as the longer side of that, moved into the image (``boxes.square``).
    """
    wide = boxes.widen(box, margin) if margin else np.asarray(box, np.float64)
    return boxes.square(wide, *image.size) if crop == "square" else boxes.clamp(wide, *image.size)


def map_as_image(depth: NDArray[Any]) -> Pixels | Failed:
    """(h, w, 3) uint8, grey: the least value of a map (h, w) is 0, the greatest 255; 0 where all are the same."""
    values = depth.astype(np.float64)
    if not np.isfinite(values).all():
        return Failed(f"map: {(~np.isfinite(values)).sum()} of {values.size} values are not finite")
    extent = np.ptp(values)
    grey = (values - values.min()) * (255 / extent) if extent else np.zeros_like(values)
    return np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=-1)


def persons(
    image: Image.Image,
    people: NDArray[np.float32],
    size: Size,
    interpolation: str,
    crop: Crop,
    margin: float,
) -> list[Pixels | Failed]:
    """Of each of ``people`` (p, 4): the region of its box."""
    return [
        Failed(fault)
        if (fault := boxes.fault(box, *image.size))
        else images.resize_region(image, size, body(image, box, crop, margin), interpolation)
        for box in people
    ]


def heads(photo: Photo, size: Size, interpolation: str) -> list[Pixels | Failed]:
    """Of each person: the square about the head, by the annotation's joints."""
    if photo.joints is None:
        return [Failed(NO_JOINTS)] * len(photo.boxes)
    found = [head(joints, photo.image.size) for joints in photo.joints]
    return [
        Failed(one, status=Status.NO_FACE)
        if isinstance(one, str)
        else images.resize_region(photo.image, size, one, interpolation)
        for one in found
    ]


def contexts(
    image: Image.Image,
    people: NDArray[np.float32],
    size: Size,
    interpolation: str,
    colour: tuple[int, int, int],
) -> list[Pixels | Failed]:
    """Of each of ``people`` (p, 4): the whole image with every pixel that the box touches in ``colour``."""
    return [
        Failed(fault)
        if (fault := boxes.fault(box, *image.size))
        else images.resize(images.blank(image, box, colour), size, interpolation=interpolation)
        for box in people
    ]


def silhouettes(
    image: Image.Image, rows: Sequence[Mapping[str, NDArray[Any]]], size: Size, interpolation: str
) -> list[Pixels | Failed]:
    """Of each of ``rows`` of ``mask``: the whole image, black where the mask says person rather than not."""
    return [images.resize(_without(image, row), size, interpolation=interpolation) for row in rows]


def faceless(
    image: Image.Image, rows: Sequence[Mapping[str, NDArray[Any]]], size: Size, interpolation: str
) -> list[Pixels | Failed]:
    """Of each of ``rows`` of ``face``: the whole image, every pixel that the face's box touches black. A box of zeros,
    which a black proxy has, hides nothing."""
    return [images.resize(images.blank(image, row["box"], BLACK), size, interpolation=interpolation) for row in rows]


def _without(image: Image.Image, row: Mapping[str, NDArray[Any]]) -> Image.Image:
    region = regions.read(row["region"])
    corner, seen = regions.back(row["mask"], region, image.size)
    out = image.copy()
    if seen.size:
        out.paste(BLACK, corner, Image.fromarray(np.where(seen >= HALF, np.uint8(255), np.uint8(0))))
    return out
