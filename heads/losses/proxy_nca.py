"""Proxy-NCA: neighbourhood components analysis with a learnt proxy for each class as the neighbours."""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import euclidean, unit
from heads.blocks.varied import Number, column
from heads.losses._proxies import cross_entropy, drawn


class Loss(metric_learning.Loss):
    """Source: Movshovitz-Attias et al. 2017, No fuss distance metric learning using proxies; pytorch-metric-learning's
    ProxyNCALoss."""

    recordable = True

    class Config(Settings):
        """softmax_scale: of the squared Euclidean distances."""

        softmax_scale: Number = Field(1, gt=0)

    def start(self, draws: Sequence[torch.Generator]) -> None:
        """A proxy for each class."""
        self.proxies = drawn(draws, self.classes, self.embedding, 1)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
        """See the class."""
        distance = euclidean(normalised, unit(self.proxies)).square()
        return cross_entropy(-column(self.config.softmax_scale, distance) * distance, labels, chosen, anchors_only=True)
