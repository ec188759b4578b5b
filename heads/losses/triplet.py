"""Triplet margin loss over all triplets that a choice makes."""

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import pairwise
from heads.blocks.varied import Number, column


class Loss(metric_learning.Loss):
    """Mean over the violated triplets of d(anchor, positive) - d(anchor, negative) + margin.

    d is Euclidean. Source: Affect-DML, eq. 6 (its printed sign is reversed: the text pulls the positive and pushes the
    negative) and, for the margin, the public code; pytorch-metric-learning's TripletMarginLoss.
    """

    recordable = True

    class Config(Settings):
        """margin: in the unit of the distance; Affect-DML's (the reference's is 0.05)."""

        margin: Number = Field(0.2, ge=0)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:  # noqa: ARG002 (the contract's)
        """The loss is piecewise linear in the distances, so the (S, B, B, B) triplets are only counted, without a
        graph, and the gradient flows through the (S, B, B) distances weighted by those counts."""
        distance = pairwise(normalised)
        with torch.no_grad():
            weight, floor = _slopes(distance, chosen, column(self.config.margin, distance))
        return (distance * weight).sum((1, 2)) + floor


def _slopes(distance: Tensor, chosen: Chosen, margin: Tensor) -> tuple[Tensor, Tensor]:
    """What the loss is linear in: a weight for each distance, (S, B, B), and the margins' part, (S,)."""
    reach = (distance + margin).masked_fill_(~chosen.positive, -torch.inf)
    limit = distance.masked_fill(~chosen.negative, torch.inf)
    violated = distance.new_empty(*distance.shape, distance.shape[2])
    torch.gt(reach.unsqueeze(3), limit.unsqueeze(2), out=violated)
    if chosen.triplets is not None:
        violated *= chosen.triplets
    pulls = violated.sum(3)
    weight = pulls - violated.sum(2)
    count = pulls.sum((1, 2), keepdim=True)
    scale = 1 / count.clamp_min(1)
    return weight * scale, (count * scale * margin).flatten()
