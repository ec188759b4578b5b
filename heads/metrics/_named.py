"""How many people are named as each class, at a share of one half, and how many of them rightly.

Source: the published tables of C-F1 and O-F1 do not say when a class counts as named; a share above one half is how
they are measured by Chen et al. 2019, Multi-label image recognition with graph convolutional networks, section 4.1.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heads.judged import JudgedFlags

Array = NDArray[np.float64]


class Named(NamedTuple):
    """Weights of people, (R, C). both: named as the class and in it. named: named as it. right: in it."""

    both: Array
    named: Array
    right: Array

    def precision(self) -> Array:
        """(R, C): 0 where nobody is named; NaN for a class that nobody has."""
        return _known(_share(self.both, self.named), self.right)

    def recall(self) -> Array:
        """(R, C): NaN for a class that nobody has."""
        return _known(_share(self.both, self.right), self.right)

    def overall_precision(self) -> Array:
        """(R,): over all namings of whatever class."""
        return _share(self.both.sum(1), self.named.sum(1))

    def overall_recall(self) -> Array:
        """(R,): over all that is right."""
        return _share(self.both.sum(1), self.right.sum(1))


def named(judged: JudgedFlags) -> Named:
    """A logit above 0 is a share above one half."""
    said, people = judged.logits > 0, judged.weights.T
    return Named(people @ (said & judged.flags), people @ said, people @ judged.flags)


def _share(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _known(values: Array, right: Array) -> Array:
    return np.where(right > 0, values, np.nan)
