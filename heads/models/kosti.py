"""Kosti et al. as Affect-DML's baseline: two streams, their fusion network, a classifier; no metric learning.

The output of the fusion's first layer is the embedding, by which people are compared. As in IB-DML with a dagger, the
image's stream comes from a network trained on Places365 (see ``ib_dml_places`` on the footnote). Kosti et al. regress
the continuous dimensions beside 26 categories; here both become classes, so cross-entropy is what remains. Their
dropout is left out.

Source: Affect-DML, section IV-B and tables II and III, "Kosti et al."; Kosti et al. 2019, Context based emotion
recognition using EMOTIC dataset, section 4 (fusion: fully connected to 256, batch normalisation, ReLU).
"""

from collections.abc import Mapping, Sequence

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks.cross_entropy import cross_entropy
from heads.blocks.layers import BatchNorm, Linear, generators
from heads.head import CLASS, Head, Output, given
from heads.inputs import streams
from heads.inputs.streams import BodyStream, ExtraStreams, SceneStream


class Model(Head):
    """Concatenation, Linear to ``fusion``, batch normalisation, ReLU, classifier."""

    recordable = True
    gives = frozenset({"embedding", "logits"})

    class Config(SceneStream, BodyStream, ExtraStreams):
        """fusion: width of the fusion network. standardise: as in ``_affect_dml.DmlConfig``."""

        fusion: int = Field(256, ge=1, le=16_384)
        standardise: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        self.config = config
        draws = generators(seeds)
        self.fusion = Linear(sum(widths[name] for name in self.inputs), config.fusion, draws)
        self.norm = BatchNorm(config.fusion, len(draws))
        self.classifier = Linear(config.fusion, sizes[CLASS], draws)

    @classmethod
    def inputs_of(cls, config: Settings) -> tuple[str, ...]:
        """One for each stream of the config."""
        return streams.inputs_of(config)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input."""
        joined = torch.cat([features[name] for name in self.inputs], 2)
        embedding = F.relu(self.norm(self.fusion(joined)))
        return Output(embedding, self.classifier(embedding))

    def terms(self, output: Output, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``class`` alone."""
        return {"class": cross_entropy(given(output.logits), targets[CLASS])}

    def standardised(self) -> tuple[str, ...]:
        """Every input, when the config says so."""
        return streams.measured(self.config) if self.config.standardise else ()
