"""One linear layer on cached features: the probe that says what they hold.

Source: Alain and Bengio 2016, Understanding intermediate layers using linear classifier probes.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cache.config import Settings
from heads.blocks import categories
from heads.blocks.categories import Categories, CategorySettings
from heads.blocks.layers import Linear, generators
from heads.head import Output
from heads.inputs import streams
from heads.inputs.streams import FeatureStreams
from heads.models._categorical import Categorical


class Model(Categorical):
    """Features side by side, one affine map to the classes, multinomial logistic regression, or to labels, logistic
    regression of each; one to the dimensions."""

    recordable = True
    gives = frozenset({"logits", "dimensions"})

    class Config(FeatureStreams, CategorySettings):
        """standardise: bring every feature to mean 0 and deviation 1 over the training people."""

        standardise: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        draws, width = generators(seeds), sum(widths[name] for name in self.inputs)
        self.classifier = Linear(width, categories.count(sizes), draws)
        wide = categories.dimensions(config, sizes)
        self.regressor = Linear(width, wide, draws) if wide else None
        self.categories = Categories(config, sizes, draws)

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        """The features of the config."""
        return streams.inputs_of(config)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input."""
        x = torch.cat([features[name] for name in self.inputs], 2)
        dimensions = None if self.regressor is None else self.regressor(x)
        return Output(logits=self.classifier(x), dimensions=dimensions)
