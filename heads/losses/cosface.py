"""CosFace: softmax over cosines, the right class's less a margin."""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen, one_hot
from heads.blocks.distances import cosine, unit
from heads.blocks.varied import Number, column
from heads.losses._proxies import cross_entropy, drawn


class Loss(metric_learning.Loss):
    """Source: Wang et al. 2018, CosFace, eq. 4; pytorch-metric-learning's CosFaceLoss."""

    recordable = True

    class Config(Settings):
        """margin: of the cosine. scale: of the cosines."""

        margin: Number = 0.35
        scale: Number = Field(64, gt=0)

    def start(self, draws: Sequence[torch.Generator]) -> None:
        """A vector for each class."""
        self.proxies = drawn(draws, self.classes, self.embedding, 1)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
        """See the class."""
        similarity = cosine(normalised, unit(self.proxies))
        own = one_hot(labels, self.classes).to(similarity)
        logits = column(self.config.scale, similarity) * (similarity - column(self.config.margin, similarity) * own)
        return cross_entropy(logits, labels, chosen)
