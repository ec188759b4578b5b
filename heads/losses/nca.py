"""Neighbourhood components analysis: the chance that a sample's softly chosen neighbour is of its own class."""

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen, all_pairs
from heads.blocks.distances import pairwise
from heads.blocks.reduction import mean
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Mean over the samples that have a positive (where none has, the reference gives NaN, this 0).

    Source: Goldberger et al. 2004; pytorch-metric-learning's NCALoss.
    """

    recordable = True

    class Config(Settings):
        """softmax_scale: of the squared Euclidean distances."""

        softmax_scale: Number = Field(1, gt=0)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
        """See the class."""
        distance = pairwise(normalised).square()
        near = -column(self.config.softmax_scale, distance) * distance
        pairs = all_pairs(labels)
        lowest = torch.finfo(near.dtype).min
        every = torch.logsumexp(near.masked_fill(~(pairs.positive | pairs.negative), lowest), 2)
        own = torch.logsumexp(near.masked_fill(~pairs.positive, lowest), 2)
        some = pairs.positive.any(2)
        each = (every - own).masked_fill(~some, 0) * chosen.weights(near.dtype)
        return mean(each, some.to(each))
