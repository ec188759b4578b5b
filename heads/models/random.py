"""Guesses uniformly, whatever it is shown: the floor of every table.

Source: Affect-DML, tables II and III, "Random".
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cache.config import Settings
from heads.head import ROW, Head, Output

_EMBEDDING = 16
_MASK = (1 << 31) - 1


class Model(Head):
    """Each person becomes a random point that depends on the seed and the person's row alone, so the nearest support
    sample is any class with equal chance. Nothing to train."""

    class Config(Settings):
        """Nothing to set."""

    def __init__(self, config: Settings, widths: Mapping[str, int], classes: int, seeds: Sequence[int]) -> None:
        super().__init__(config, widths, classes, seeds)
        self.classes = classes
        self.seeds: Tensor
        self.register_buffer("seeds", torch.tensor(seeds, dtype=torch.int64)[:, None, None])

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:  # noqa: ARG003 (the contract's arguments)
        """Nothing."""
        return ()

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """Only ``features[ROW]`` is looked at."""
        column = torch.arange(_EMBEDDING, device=self.seeds.device)
        mixed = _scramble(_scramble(_scramble(features[ROW]) + self.seeds) + column)
        embedding = mixed.float() / _MASK - 0.5
        return Output(embedding, embedding.new_zeros(*embedding.shape[:2], self.classes))

    def terms(self, output: Output, labels: Tensor) -> dict[str, Tensor]:  # noqa: ARG002 (the contract's arguments)
        """None."""
        return {}


def _scramble(number: Tensor) -> Tensor:
    """A 31-bit hash of int64 numbers; the same on every device (xor-shifts and multiplications)."""
    number = number + 0x1E3779B9 & _MASK
    number = (number ^ (number >> 15)) * 0x2C1B3C6D & _MASK
    number = (number ^ (number >> 12)) * 0x297A2D39 & _MASK
    return number ^ (number >> 15)
