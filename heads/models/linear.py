"""One linear layer on cached features: the probe that says what they hold.

Source: Alain and Bengio 2016, Understanding intermediate layers using linear classifier probes.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from cache.config import Settings
from heads.blocks.cross_entropy import cross_entropy
from heads.blocks.layers import Linear, generators
from heads.head import CLASS, Head, Output, given
from heads.inputs import streams
from heads.inputs.streams import FeatureStreams


class Model(Head):
    """Features side by side, one affine map to the classes: multinomial logistic regression."""

    recordable = True
    gives = frozenset({"logits"})

    class Config(FeatureStreams):
        """standardise: bring every feature to mean 0 and deviation 1 over the training people."""

        standardise: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.config = config
        self.classifier = Linear(sum(widths[name] for name in self.inputs), sizes[CLASS], generators(seeds))

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        """The features of the config."""
        return streams.inputs_of(config)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input."""
        return Output(logits=self.classifier(torch.cat([features[name] for name in self.inputs], 2)))

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``class``: cross-entropy."""
        return {"class": cross_entropy(given(output.logits), targets[CLASS])}

    def standardised(self) -> tuple[str, ...]:
        """Every input, when the config says so."""
        return streams.measured(self.config) if self.config.standardise else ()
