"""One affine map to labels and one to dimensions: the least that learns both."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks.layers import Linear, generators
from heads.head import DIMENSIONS, FLAGS, Head, Output, given
from heads.inputs import streams
from heads.inputs.streams import FeatureStreams


class Model(Head):
    """Logistic regression of each label and least squares of each dimension; the embedding is what it reads."""

    learns = frozenset({FLAGS, DIMENSIONS})
    gives = frozenset({"embedding", "logits", "dimensions"})
    Config = FeatureStreams

    def __init__(
        self, config: FeatureStreams, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        draws, width = generators(seeds), sum(widths[name] for name in self.inputs)
        self.labels = Linear(width, sizes[FLAGS], draws)
        self.dimensions = Linear(width, sizes[DIMENSIONS], draws) if DIMENSIONS in sizes else None
        if self.dimensions is None:
            self.gives = frozenset({"embedding", "logits"})

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        return streams.inputs_of(config)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        x = torch.cat([features[name] for name in self.inputs], 2)
        told = None if self.dimensions is None else self.dimensions(x).sigmoid()
        return Output(x, self.labels(x), told)

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        logits, flags = given(output.logits), targets[FLAGS]
        found = {"labels": F.binary_cross_entropy_with_logits(logits, flags, reduction="none").mean((1, 2))}
        if output.dimensions is not None:
            known = ~targets[DIMENSIONS].isnan()
            apart = (output.dimensions - targets[DIMENSIONS].nan_to_num()).square() * known
            found["dimensions"] = apart.sum((1, 2)) / known.sum((1, 2)).clamp_min(1)
        return found

    def standardised(self) -> tuple[str, ...]:
        return self.inputs
