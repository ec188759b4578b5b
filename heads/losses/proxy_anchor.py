"""Proxy-Anchor loss: each class's proxy is an anchor for all samples of the batch."""

import math
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen, one_hot
from heads.blocks.distances import cosine, unit
from heads.blocks.reduction import log_one_plus_sum_exp, ratio
from heads.blocks.varied import Number, column
from heads.losses._proxies import drawn


class Loss(metric_learning.Loss):
    """Source: Kim et al. 2020, Proxy anchor loss, eq. 4; pytorch-metric-learning's ProxyAnchorLoss, which adds a
    miner's weights, less 1, to the exponents."""

    recordable = True

    class Config(Settings):
        """margin: of the cosine. alpha: how sharp the maxima are."""

        margin: Number = 0.1
        alpha: Number = Field(32, gt=0)

    def start(self, draws: Sequence[torch.Generator]) -> None:
        """A proxy for each class (He et al.'s deviation, over the classes)."""
        self.proxies = drawn(draws, self.classes, self.embedding, math.sqrt(2 / self.classes))

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
        """See the class."""
        similarity = cosine(normalised, unit(self.proxies))
        alpha, margin = column(self.config.alpha, similarity), column(self.config.margin, similarity)
        weights = chosen.weights(similarity.dtype).unsqueeze(2) - 1
        own = one_hot(labels, self.classes)
        pull = log_one_plus_sum_exp(alpha * (margin - similarity) + weights, own, 1)
        push = log_one_plus_sum_exp(alpha * (similarity + margin) + weights, ~own, 1)
        return ratio(pull.sum(1), own.any(1).sum(1)) + push.mean(1)
