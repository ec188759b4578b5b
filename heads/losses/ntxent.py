"""NT-Xent, also known as InfoNCE: each positive against its anchor's negatives."""

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import cosine
from heads.blocks.reduction import log_sum_exp, mean
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Mean over positive pairs of the cross-entropy of the pair among itself and the anchor's negatives.

    Source: Oord et al. 2018, Chen et al. 2020 (SimCLR); pytorch-metric-learning's NTXentLoss.
    """

    recordable = True

    class Config(Settings):
        """temperature: cosines are divided by it."""

        temperature: Number = Field(0.07, gt=0)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:  # noqa: ARG002 (the contract's)
        """See the class."""
        similarity = cosine(normalised, normalised)
        similarity = similarity / column(self.config.temperature, similarity)
        positive, negative = chosen.counts(similarity.dtype)
        against = log_sum_exp(similarity, negative).unsqueeze(2)
        return mean(torch.logaddexp(similarity, against) - similarity, positive) * chosen.enough()
