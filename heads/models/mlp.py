"""A multi-layer perceptron on cached features.

The last hidden layer is the embedding, so that it can be asked for what compares people, too.
"""

from collections.abc import Mapping, Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks.cross_entropy import cross_entropy
from heads.blocks.layers import BatchNorm, Linear, generators
from heads.head import CLASS, Head, Output, given
from heads.inputs import streams
from heads.inputs.streams import FeatureStreams


class Model(Head):
    """Features side by side; ``layers`` times an affine map to ``hidden``, batch normalisation, ReLU; a classifier."""

    recordable = True
    gives = frozenset({"embedding", "logits"})

    class Config(FeatureStreams):
        """hidden: width of each hidden layer. layers: how many. standardise: bring every feature to mean 0 and
        deviation 1 over the training people."""

        hidden: int = Field(256, ge=1, le=16_384)
        layers: int = Field(1, ge=1, le=8)
        standardise: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.config = config
        draws = generators(seeds)
        first = sum(widths[name] for name in self.inputs)
        inner = [first, *[config.hidden] * (config.layers - 1)]
        self.layers = nn.ModuleList(Linear(width, config.hidden, draws) for width in inner)
        self.norms = nn.ModuleList(BatchNorm(config.hidden, len(draws)) for _ in inner)
        self.classifier = Linear(config.hidden, sizes[CLASS], draws)

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        """The features of the config."""
        return streams.inputs_of(config)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input."""
        x = torch.cat([features[name] for name in self.inputs], 2)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.relu(norm(layer(x)))
        return Output(x, self.classifier(x))

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``class``: cross-entropy."""
        return {"class": cross_entropy(given(output.logits), targets[CLASS])}

    def standardised(self) -> tuple[str, ...]:
        """Every input, when the config says so."""
        return streams.measured(self.config) if self.config.standardise else ()
