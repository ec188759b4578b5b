"""A multi-layer perceptron on cached features.

The last hidden layer is the embedding, so that it can be asked for what compares people, too.
"""

from collections.abc import Mapping, Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks import categories
from heads.blocks.categories import Categories, CategorySettings
from heads.blocks.layers import BatchNorm, Linear, generators
from heads.head import Output
from heads.inputs import streams
from heads.inputs.streams import FeatureStreams
from heads.models._categorical import Categorical


class Model(Categorical):
    """Features side by side; ``layers`` times an affine map to ``hidden``, batch normalisation, ReLU; a classifier, and
    an affine map to the dimensions."""

    recordable = True

    class Config(FeatureStreams, CategorySettings):
        """hidden: width of each hidden layer. layers: how many. standardise: bring every feature to mean 0 and
        deviation 1 over the training people."""

        hidden: int = Field(256, ge=1, le=16_384)
        layers: int = Field(1, ge=1, le=8)
        standardise: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        draws = generators(seeds)
        first = sum(widths[name] for name in self.inputs)
        inner = [first, *[config.hidden] * (config.layers - 1)]
        self.layers = nn.ModuleList(Linear(width, config.hidden, draws) for width in inner)
        self.norms = nn.ModuleList(BatchNorm(config.hidden, len(draws)) for _ in inner)
        self.classifier = Linear(config.hidden, categories.count(sizes), draws)
        wide = categories.dimensions(config, sizes)
        self.regressor = Linear(config.hidden, wide, draws) if wide else None
        self.categories = Categories(config, sizes, draws, config.hidden)

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        """The features of the config."""
        return streams.inputs_of(config)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input."""
        x = torch.cat([features[name] for name in self.inputs], 2)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.relu(norm(layer(x)))
        dimensions = None if self.regressor is None else self.regressor(x)
        return Output(x, self.classifier(x), dimensions, self.categories.aside(x))
