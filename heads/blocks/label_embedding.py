"""The label-embedding loss: what a person looks like is drawn to the word vectors of what is felt."""

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from heads.blocks.layers import Linear
from heads.blocks.reduction import ratio
from heads.inputs import words
from heads.inputs.words import Words


class EmbeddingSettings(Words):
    """embedding_weight: of the label-embedding loss; 0 leaves it out."""

    embedding_weight: float = Field(0, ge=0)


class LabelEmbedding(nn.Module):
    """One affine map from what a person looks like to the space of words.

    Source: thesis (seeds/003), eq. 4.13.
    """

    vectors: Tensor

    def __init__(self, config: Any, width: int, classes: int, draws: Sequence[torch.Generator]) -> None:
        """config: has the fields of EmbeddingSettings. width: of what a person looks like. classes: C."""
        super().__init__()
        self.config = config
        wide = words.width(config, classes)
        self.projection = Linear(width, wide, draws)
        self.register_buffer("vectors", torch.zeros(len(draws), classes, wide))

    def learn_from(self, labels: Sequence[str], flags: Tensor) -> None:
        """Look up the labels' vectors. flags: (n, C) of the training people. Raises: ConfigError."""
        self.vectors.copy_(words.matrix(self.config, labels, flags))

    def forward(self, visual: Tensor) -> Tensor:
        """visual: (S, B, d). Returns (S, B, w), among the words."""
        placed: Tensor = self.projection(visual)
        return placed

    def loss(self, placed: Tensor, flags: Tensor) -> Tensor:
        """Squared distance to the mean vector of a person's labels, mean over those who have any.

        placed: (S, B, w). flags: (S, B, C). Returns (S,).
        """
        count = flags.sum(2)
        wanted = torch.bmm(flags, self.vectors) / count.clamp_min(1).unsqueeze(2)
        distance = (placed - wanted).square().sum(2)
        some = count > 0
        return ratio((distance * some).sum(1), some.sum(1))
