"""Maps of the store as small pictures to lay over a photograph: classes of ADE20K in colours, depth."""

import base64
import colorsys
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.errors import AffectError
from pipeline.networks.openmmlab import ade20k_classes
from pipeline.stages.sem2vec import CLASSES, PADDING
from scripts.prediction.heat import coloured

GOLDEN = 137.508
"""Degrees: hues this far apart are never close to those just before."""
LIGHTNESS = (0.42, 0.56, 0.7)
LEAST_SHARE = 0.002
"""Of an image, for a class to stand in the legend."""
DIGITS = 3


def colours() -> list[str]:
    """Of the 150 classes, the same on every picture."""
    return ["#{:02x}{:02x}{:02x}".format(*one) for one in _rgb()]


def names() -> list[str]:
    """Of the 150 classes; numbers where the package that knows the names is not installed."""
    try:
        return ade20k_classes()
    except AffectError:
        return [f"class {at}" for at in range(CLASSES)]


def _rgb() -> list[tuple[int, ...]]:
    shades = [
        colorsys.hls_to_rgb((at * GOLDEN / 360) % 1, LIGHTNESS[at % len(LIGHTNESS)], 0.65) for at in range(CLASSES)
    ]
    return [tuple(round(255 * part) for part in shade) for shade in shades]


def segmentation(labels: NDArray[np.uint8], area: NDArray[np.floating], size: tuple[int, int]) -> dict[str, Any]:
    """``src``: the label map as a picture; ``width``, ``height``: what of the image it lies over, from the top left, in
    image pixels: the network's input has the whole image at its top left, and more; ``classes``: number and share of
    each, the greatest first. size: (width, height) of the image."""
    width, height = size
    high, wide = labels.shape
    scale = min(high / height, wide / width)
    picture = Image.fromarray(labels)
    palette = [part for one in _rgb() for part in one]
    picture.putpalette([*palette, *([0] * (3 * (PADDING + 1) - len(palette)))])
    order = np.argsort(-area.astype(float), kind="stable").tolist()
    return {
        "src": _address(picture, "PNG", transparency=PADDING, optimize=True),
        "width": round(wide / scale, 1),
        "height": round(high / scale, 1),
        "classes": [[at, round(float(area[at]), DIGITS)] for at in order if area[at] >= LEAST_SHARE],
    }


def depth(values: NDArray[np.floating]) -> str:
    """Near is light. A picture of as many pixels as the map has, to be stretched over the image."""
    return _address(coloured(values, values.shape[::-1]), "JPEG", quality=70)


def _address(picture: Image.Image, form: str, **settings: Any) -> str:
    out = io.BytesIO()
    picture.save(out, form, **settings)
    return f"data:image/{form.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"
