"""SoftTriple: softmax over classes that have several learnt centres each."""

import math
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen, one_hot
from heads.blocks.distances import cosine, unit
from heads.blocks.varied import Number, column
from heads.losses._proxies import cross_entropy


class Loss(metric_learning.Loss):
    """Source: Qian et al. 2019, SoftTriple loss, eq. 7-8, without the merging of centres; pytorch-metric-learning's
    SoftTripleLoss."""

    recordable = True

    class Config(Settings):
        """centers_per_class. la: scale of the cosines. center_gamma: how softly a sample takes all centres of a class
        (the reference's ``gamma``). margin: of the right class's cosine."""

        centers_per_class: int = Field(10, ge=1, le=1000)
        la: Number = Field(20, gt=0)
        center_gamma: Number = Field(0.1, gt=0)
        margin: Number = 0.01

    def start(self, draws: Sequence[torch.Generator]) -> None:
        """Every class's centres, class after class."""
        rows = self.classes * self.config.centers_per_class
        bound = 1 / math.sqrt(rows)
        each = [torch.empty(rows, self.embedding).uniform_(-bound, bound, generator=draw) for draw in draws]
        self.proxies = nn.Parameter(torch.stack(each))

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
        """See the class."""
        similarity = cosine(normalised, unit(self.proxies)).view(*labels.shape, self.classes, -1)
        share = F.softmax(similarity / column(self.config.center_gamma, similarity), 3)
        relaxed = (share * similarity).sum(3)
        own = one_hot(labels, self.classes).to(similarity)
        logits = column(self.config.la, relaxed) * (relaxed - column(self.config.margin, relaxed) * own)
        return cross_entropy(logits, labels, chosen)
