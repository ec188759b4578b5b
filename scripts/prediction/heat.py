"""Heat maps over a picture: dark where a map is least, light where it is greatest."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHARE = 0.6
"""How much of a pixel is the heat map's."""
_STOPS = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], np.float64)
"""Dark to light, told apart by the colour-blind. Source: the colour map "inferno", at its quarters."""


def coloured(
    values: NDArray[np.floating], size: tuple[int, int], ends: tuple[float, float] | None = None
) -> Image.Image:
    """A map (h, w) as a picture of ``size`` (width, height). ends: the values of the darkest and the lightest colour;
    by default the map's own least and greatest."""
    least, greatest = ends or (float(values.min()), float(values.max()))
    extent = greatest - least
    shares = (values - least) / extent if extent else np.zeros_like(values)
    grown = Image.fromarray(shares.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    place = np.clip(np.asarray(grown, np.float64), 0, 1)
    stops = np.linspace(0, 1, len(_STOPS))
    channels = [np.interp(place, stops, _STOPS[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, -1).round().astype(np.uint8))


def lay(over: Image.Image, picture: Image.Image, corner: tuple[int, int] = (0, 0)) -> None:
    """Onto ``picture``, whose pixels stay visible, with its top left at ``corner``."""
    picture.paste(over, corner, Image.new("L", over.size, round(255 * SHARE)))
