"""Supervised contrastive loss: all of an anchor's positives against everything else that was chosen for it."""

from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import cosine
from heads.blocks.reduction import log_sum_exp, mean_of_positive
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Source: Khosla et al. 2020, Supervised contrastive learning, eq. 2; pytorch-metric-learning's SupConLoss."""

    recordable = True

    class Config(Settings):
        """temperature: cosines are divided by it."""

        temperature: Number = Field(0.1, gt=0)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:  # noqa: ARG002 (the contract's)
        """See the class."""
        similarity = cosine(normalised, normalised)
        similarity = similarity / column(self.config.temperature, similarity)
        against = log_sum_exp(similarity, chosen.positive | chosen.negative).unsqueeze(2)
        count = chosen.positive.sum(2)
        each = ((against - similarity) * chosen.positive).sum(2) / count.clamp_min(1)
        both = chosen.positive.any(2).any(1) & chosen.negative.any(2).any(1)
        return mean_of_positive(each, (count > 0).to(each)) * both * chosen.enough()
