"""Softmax over the cosines to a learnt vector for each class."""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import cosine, unit
from heads.blocks.varied import Number, column
from heads.losses._proxies import cross_entropy, drawn


class Loss(metric_learning.Loss):
    """Source: Zhai and Wu 2018, Classification is a strong baseline for deep metric learning; pytorch-metric-learning's
    NormalizedSoftmaxLoss."""

    recordable = True

    class Config(Settings):
        """temperature: cosines are divided by it."""

        temperature: Number = Field(0.05, gt=0)

    def start(self, draws: Sequence[torch.Generator]) -> None:
        """A vector for each class."""
        self.proxies = drawn(draws, self.classes, self.embedding, 1)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
        """See the class."""
        similarity = cosine(normalised, unit(self.proxies))
        return cross_entropy(similarity / column(self.config.temperature, similarity), labels, chosen)
