"""Bring features to mean 0 and standard deviation 1 over the training samples."""

from dataclasses import dataclass

from torch import Tensor

_SMALLEST = 1e-2


@dataclass(frozen=True)
class Scale:
    """mean, std: (d,)."""

    mean: Tensor
    std: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """x: (n, d)."""
        return (x - self.mean) / self.std


def fit(x: Tensor) -> Scale:
    """Over the rows of x, (n, d), which must be training samples only.

    A channel whose deviation is below a hundredth of the average one is divided by that hundredth instead, so that a
    channel dead in training cannot explode on a sample that wakes it.
    """
    std = x.std(0, correction=0)
    lowest = _SMALLEST * float(std.mean()) or 1.0
    return Scale(x.mean(0), std.clamp_min(lowest))
