"""Circle loss: each similarity is pulled the harder the farther it is from where it should be."""

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import cosine
from heads.blocks.reduction import log_sum_exp, mean_of_positive
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Source: Sun et al. 2020, Circle loss, eq. 6-9; pytorch-metric-learning's CircleLoss."""

    recordable = True

    class Config(Settings):
        """m: the relaxation of the boundary. gamma_scale: of the similarities (the reference's ``gamma``)."""

        m: Number = Field(0.4, ge=0)
        gamma_scale: Number = Field(80, gt=0)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:  # noqa: ARG002 (the contract's)
        """See the class."""
        similarity = cosine(normalised, normalised)
        m, scale = column(self.config.m, similarity), column(self.config.gamma_scale, similarity)
        fixed = similarity.detach()
        pull = -scale * F.relu(1 + m - fixed) * (similarity - (1 - m))
        push = scale * F.relu(fixed + m) * (similarity - m)
        both = chosen.positive.any(2) & chosen.negative.any(2)
        soft = log_sum_exp(pull, chosen.positive) + log_sum_exp(push, chosen.negative)
        each = F.softplus(soft.masked_fill(~both, 0))
        return mean_of_positive(each, both.to(each)) * chosen.enough()
