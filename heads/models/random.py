"""Guesses uniformly, whatever it is shown: the floor of every table.

Source: Affect-DML, tables II and III, "Random".
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cache.config import Settings
from heads.head import CLASS, ROW, Head, Output

_EMBEDDING = 16
_MASK = (1 << 31) - 1


class Model(Head):
    """Each person becomes a random point that depends on the seed and the person's row alone, so the nearest of
    some others is of any class with equal chance; its logits are as random. Nothing to train."""

    class Config(Settings):
        """Nothing to set."""

    gives = frozenset({"embedding", "logits"})

    def __init__(
        self, config: Settings, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.classes = sizes[CLASS]
        self.seeds: Tensor
        self.register_buffer("seeds", torch.tensor(seeds, dtype=torch.int64)[:, None, None])

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:  # noqa: ARG003 (the contract's arguments)
        """Nothing."""
        return ()

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """Only ``features[ROW]`` is looked at."""
        embedding = self._uniform(features[ROW], 0, _EMBEDDING)
        return Output(embedding, self._uniform(features[ROW], _EMBEDDING, self.classes))

    def _uniform(self, rows: Tensor, first: int, count: int) -> Tensor:
        """Numbers ``first`` to ``first + count`` of each row and seed, (S, B, count) in -0.5..0.5. rows: (S, B, 1)."""
        column = torch.arange(first, first + count, device=self.seeds.device)
        mixed = _scramble(_scramble(_scramble(rows) + self.seeds) + column)
        return mixed.float() / _MASK - 0.5

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG002 (the contract's arguments)
        """None."""
        return {}


def _scramble(number: Tensor) -> Tensor:
    """A 31-bit hash of int64 numbers; the same on every device (xor-shifts and multiplications)."""
    number = number + 0x1E3779B9 & _MASK
    number = (number ^ (number >> 15)) * 0x2C1B3C6D & _MASK
    number = (number ^ (number >> 12)) * 0x297A2D39 & _MASK
    return number ^ (number >> 15)
