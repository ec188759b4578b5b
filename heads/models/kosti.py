"""Kosti et al.: two streams, their fusion network, categories and dimensions; also as Affect-DML's baseline.

As published, people have several labels, told by weighted squares (``loss=weighted_l2``, eq. 4.1), and valence, arousal
and dominance by margin Euclidean or smooth L1 (eq. 4.2, 4.3); heads/configs/kosti.toml has these settings. ``only``
leaves one stream. As Affect-DML's baseline people have one class, so cross-entropy is what remains, and the output of
the fusion's first layer is the embedding, by which people are compared. As in IB-DML with a dagger, the image's stream
comes from a network trained on Places365 (see ``ib_dml_places`` on the footnote). Their dropout is left out.

Source: thesis (seeds/003), section 4.1.1, eq. 4.1 to 4.3 and tables 4.1 and 4.2; Affect-DML, section IV-B and tables II
and III, "Kosti et al."; Kosti et al. 2019, Context based emotion recognition using EMOTIC dataset, section 4 (fusion:
fully connected to 256, batch normalisation, ReLU).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from heads.blocks import categories
from heads.blocks.categories import Categories, CategorySettings
from heads.blocks.layers import BatchNorm, Linear, generators
from heads.head import Output
from heads.inputs import streams
from heads.inputs.streams import BodyStream, ExtraStreams, SceneStream
from heads.models._categorical import Categorical


class Model(Categorical):
    """Concatenation, Linear to ``fusion``, batch normalisation, ReLU; a classifier, and an affine map to the
    dimensions."""

    recordable = True
    approximates = ("frozen backbones for fine-tuned ones", "no dropout in the fusion network")

    class Config(SceneStream, BodyStream, ExtraStreams, CategorySettings):
        """only: "body" or "scene" leaves the other stream out. fusion: width of the fusion network. standardise: as in
        ``_affect_dml.DmlConfig``."""

        only: Literal["both", "body", "scene"] = "both"
        fusion: int = Field(256, ge=1, le=16_384)
        standardise: bool = True

    def __init__(
        self, config: Config, widths: Mapping[str, int], sizes: Mapping[str, int], seeds: Sequence[int]
    ) -> None:
        super().__init__(config, widths, sizes, seeds)
        draws = generators(seeds)
        self.fusion = Linear(sum(widths[name] for name in self.inputs), config.fusion, draws)
        self.norm = BatchNorm(config.fusion, len(draws))
        self.classifier = Linear(config.fusion, categories.count(sizes), draws)
        wide = categories.dimensions(config, sizes)
        self.regressor = Linear(config.fusion, wide, draws) if wide else None
        self.categories = Categories(config, sizes, draws, config.fusion)

    @classmethod
    def inputs_of(cls, config: Any) -> tuple[str, ...]:
        """One for each stream of the config."""
        left_out = {"both": (), "body": (config.scene,), "scene": (config.body,)}[config.only]
        return tuple(name for name in streams.inputs_of(config) if name not in left_out)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
        """features: (S, B, d) of each input."""
        joined = torch.cat([features[name] for name in self.inputs], 2)
        embedding = F.relu(self.norm(self.fusion(joined)))
        dimensions = None if self.regressor is None else self.regressor(embedding)
        return Output(embedding, self.classifier(embedding), dimensions, self.categories.aside(embedding))
