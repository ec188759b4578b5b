"""Contrastive loss: positives within one distance, negatives beyond another."""

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import pairwise
from heads.blocks.reduction import mean_of_positive
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Mean of what positives are too far plus mean of what negatives are too near, each over the pairs that are.

    Source: Hadsell et al. 2006 (there squared); pytorch-metric-learning's ContrastiveLoss.
    """

    recordable = True

    class Config(Settings):
        """pos_margin, neg_margin: Euclidean distances."""

        pos_margin: Number = Field(0, ge=0)
        neg_margin: Number = Field(1, ge=0)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:  # noqa: ARG002 (the contract's)
        """See the class."""
        distance = pairwise(normalised)
        positive, negative = chosen.counts(distance.dtype)
        far = F.relu(distance - column(self.config.pos_margin, distance))
        near = F.relu(column(self.config.neg_margin, distance) - distance)
        return (mean_of_positive(far, positive) + mean_of_positive(near, negative)) * chosen.enough()
