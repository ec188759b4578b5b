"""Lifted structure loss: each positive pair against the negatives of both of its ends."""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import pairwise
from heads.blocks.reduction import log_sum_exp, mean
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Source: Song et al. 2016, Deep metric learning via lifted structured feature embedding, eq. 4;
    pytorch-metric-learning's LiftedStructureLoss."""

    recordable = True

    class Config(Settings):
        """pos_margin, neg_margin: Euclidean distances."""

        pos_margin: Number = Field(0, ge=0)
        neg_margin: Number = Field(1, ge=0)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:  # noqa: ARG002 (the contract's)
        """See the class."""
        distance = pairwise(normalised)
        positive, negative = chosen.counts(distance.dtype)
        near = log_sum_exp(column(self.config.neg_margin, distance) - distance, negative)
        some = negative.sum(2) > 0
        either = some.unsqueeze(2) | some.unsqueeze(1)
        push = torch.logaddexp(near.unsqueeze(2), near.unsqueeze(1)).masked_fill(~either, 0)
        each = F.relu(push + distance - column(self.config.pos_margin, distance)).square() / 2
        return mean(each, positive) * some.any(1) * chosen.enough()
