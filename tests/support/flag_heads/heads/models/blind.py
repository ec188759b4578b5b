"""Guesses labels whatever it is shown, and no dimensions."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cache.config import Settings
from heads.head import FLAGS, ROW, Head, Output


class Model(Head):
    """A logit is a scrambled number of the row, the class and the seed."""

    learns = frozenset({FLAGS})
    gives = frozenset({"logits"})
    trains = False
    Config = Settings

    def __init__(
        self, config: Settings, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.seeds: Tensor
        self.register_buffer("seeds", torch.tensor(seeds, dtype=torch.float32)[:, None, None])
        self.classes = sizes[FLAGS]

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:  # noqa: ARG003
        return ()

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        place = torch.arange(self.classes, dtype=torch.float32)
        return Output(logits=torch.sin(features[ROW].float() * 12.9898 + place * 78.233 + self.seeds * 37.719) * 3)

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {}
