"""Where one take of a film ends and another begins, as far as the colours of two looked at frames tell.

Two frames are alike by the share of their pixels that have the same colour, in eight steps each of red, green and blue,
wherever they stand (histogram intersection: Swain and Ballard, Color Indexing, 1991). People and cameras that move
leave most colours there; a cut to another place does not. A cut between takes of one colouring is not seen.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LEAST_ALIKE = 0.4
"""Two frames that share less are of two takes."""
_SIZE = (64, 48)
_STEPS = 8


class Cuts:
    """Told of every looked at frame in order."""

    def __init__(self) -> None:
        self._last: NDArray[np.float64] | None = None

    def before(self, image: Image.Image) -> bool:
        """Whether there is a cut between the frame before and ``image``, RGB; never before the first."""
        last, self._last = self._last, colours(image)
        return last is not None and alike(last, self._last) < LEAST_ALIKE


def colours(image: Image.Image) -> NDArray[np.float64]:
    """(512,): the share of the pixels that has each colour; between two steps a pixel counts for both in part, so that
    a little noise changes little."""
    small = np.asarray(image.convert("RGB").resize(_SIZE, Image.Resampling.BOX), np.float64).reshape(-1, 3)
    at = np.clip(small * _STEPS / 256 - 0.5, 0, _STEPS - 1)
    low = np.minimum(at.astype(np.int64), _STEPS - 2)
    found = np.zeros(_STEPS**3)
    for corner in product((0, 1), repeat=3):
        places = (low + corner) @ (_STEPS**2, _STEPS, 1)
        share = np.where(corner, at - low, 1 - (at - low)).prod(1)
        found += np.bincount(places, share, _STEPS**3)
    return found / len(small)


def alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """0..1: the share of colours that both have."""
    return float(np.minimum(one, other).sum())
