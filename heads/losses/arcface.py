"""ArcFace: softmax over cosines, the right class's angle widened by a margin."""

import math
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from cache.config import Settings
from heads.blocks import metric_learning
from heads.blocks.chosen import Chosen
from heads.blocks.distances import cosine, unit
from heads.blocks.varied import Number, column
from heads.losses._proxies import cross_entropy, drawn


class Loss(metric_learning.Loss):
    """Source: Deng et al. 2019, ArcFace, eq. 3; pytorch-metric-learning's ArcFaceLoss, which goes on linearly where the
    widened angle would pass 180 degrees."""

    recordable = True

    class Config(Settings):
        """margin: in degrees. scale: of the cosines."""

        margin: Number = Field(28.6, ge=0, le=180)
        scale: Number = Field(64, gt=0)

    def start(self, draws: Sequence[torch.Generator]) -> None:
        """A vector for each class."""
        self.proxies = drawn(draws, self.classes, self.embedding, 1)

    def forward(self, normalised: Tensor, labels: Tensor, chosen: Chosen) -> Tensor:
        """See the class."""
        similarity = cosine(normalised, unit(self.proxies))
        target = similarity.gather(2, labels.unsqueeze(2))
        margin = torch.deg2rad(torch.as_tensor(column(self.config.margin, target), dtype=target.dtype))
        angle = torch.acos(target.clamp(-1, 1))
        wider = torch.where(angle <= math.pi - margin, torch.cos(angle + margin), angle.cos() - margin * margin.sin())
        logits = similarity.scatter(2, labels.unsqueeze(2), wider) * column(self.config.scale, similarity)
        return cross_entropy(logits, labels, chosen)
