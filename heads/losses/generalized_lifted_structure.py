"""Generalised lifted structure loss: all of an anchor's positives against all of its negatives."""

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import pairwise
from heads.blocks.reduction import log_sum_exp
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Source: Hermans et al. 2017, In defense of the triplet loss, eq. 9; pytorch-metric-learning's
    GeneralizedLiftedStructureLoss."""

    recordable = True

    class Config(Settings):
        """pos_margin, neg_margin: Euclidean distances."""

        pos_margin: Number = Field(0, ge=0)
        neg_margin: Number = Field(1, ge=0)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:  # noqa: ARG002 (the contract's)
        """See the class."""
        distance = pairwise(normalised)
        far = log_sum_exp(distance - column(self.config.pos_margin, distance), chosen.positive)
        near = log_sum_exp(column(self.config.neg_margin, distance) - distance, chosen.negative)
        far = far.masked_fill(~chosen.positive.any(2), 0)
        near = near.masked_fill(~chosen.negative.any(2), 0)
        return F.relu(far + near).mean(1) * chosen.enough()
