"""Margin loss: positives below, negatives above one distance, beta, that may be learnt."""

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import pairwise
from heads.blocks.reduction import ratio
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Over all triplets, what positives are beyond beta - margin and negatives below beta + margin.

    Source: Wu et al. 2017, Sampling matters in deep embedding learning; pytorch-metric-learning's MarginLoss.
    """

    recordable = True

    class Config(Settings):
        """margin, beta: Euclidean distances. learn_beta: one for each seed. nu: the weight of beta itself, then."""

        margin: Number = Field(0.2, ge=0)
        beta: Number = Field(1.2, ge=0)
        learn_beta: bool = False
        nu: Number = Field(0, ge=0)

    def start(self, draws: list[torch.Generator]) -> None:  # type: ignore[override]
        """beta, when it is learnt."""
        if self.config.learn_beta:
            start = torch.as_tensor(self.config.beta, dtype=torch.get_default_dtype()).expand(len(draws))
            self.beta = nn.Parameter(start.clone())

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:  # noqa: ARG002 (the contract's)
        """See the class."""
        distance = pairwise(normalised)
        beta = column(self.beta if self.config.learn_beta else self.config.beta, distance)
        margin = column(self.config.margin, distance)
        positive, negative = chosen.triplet_counts(distance.dtype)
        far, near = F.relu(distance - beta + margin), F.relu(beta - distance + margin)
        count = (positive * (far > 0) + negative * (near > 0)).sum((1, 2))
        loss = ratio((positive * far + negative * near).sum((1, 2)), count)
        if self.config.learn_beta:
            loss = loss + self.beta * column(self.config.nu, self.beta) * (positive.sum((1, 2)) > 0)
        return loss
