"""Multi-similarity loss: a soft maximum over each anchor's positives, and one over its negatives."""

from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import cosine
from heads.blocks.reduction import log_one_plus_sum_exp
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Source: Wang et al. 2019, Multi-similarity loss, eq. 16; pytorch-metric-learning's MultiSimilarityLoss."""

    recordable = True

    class Config(Settings):
        """alpha, beta: how sharp the two maxima are. base: the cosine that parts near from far."""

        alpha: Number = Field(2, gt=0)
        beta: Number = Field(50, gt=0)
        base: Number = 0.5

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:  # noqa: ARG002 (the contract's)
        """See the class."""
        similarity = cosine(normalised, normalised)
        alpha, beta = column(self.config.alpha, similarity), column(self.config.beta, similarity)
        above = similarity - column(self.config.base, similarity)
        pull = log_one_plus_sum_exp(-alpha * above, chosen.positive)
        push = log_one_plus_sum_exp(beta * above, chosen.negative)
        each: Tensor = pull / column(self.config.alpha, pull) + push / column(self.config.beta, push)
        return each.mean(1) * chosen.enough()
