"""Asymmetric loss: labels that are there and labels that are not, which are many and mostly easy, are focused apart."""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks.label_loss import LabelLoss
from heads.blocks.varied import Number, column

_LEAST = 1e-8


class Loss(LabelLoss):
    """Mean over samples and classes of - (1 - p)^gamma_pos ln p for a label that is there, - r^gamma_neg ln(1 - r),
    r = max(p - clip, 0), for one that is not.

    Source: Ridnik et al. 2021, Asymmetric loss for multi-label classification, eq. 4 to 7. They sum; their public
    code's defaults.
    """

    recordable = True

    class Config(Settings):
        """gamma_pos, gamma_neg: as focal's. clip: the probability below which an absent label counts as told."""

        gamma_pos: Number = Field(1, ge=0)
        gamma_neg: Number = Field(4, ge=0)
        clip: Number = Field(0.05, ge=0, lt=1)

    def forward(self, logits: Tensor, flags: Tensor) -> Tensor:
        """Powers in forms whose gradients stay finite where their base is 0."""
        gamma_pos, gamma_neg, clip = (
            column(value, logits) for value in (self.config.gamma_pos, self.config.gamma_neg, self.config.clip)
        )
        there = (gamma_pos * F.logsigmoid(-logits)).exp() * F.logsigmoid(logits)
        excess = (logits.sigmoid() - clip).clamp_min(_LEAST)
        rest = ((-logits).sigmoid() + clip).clamp(torch.finfo(logits.dtype).tiny, 1)
        absent = excess**gamma_neg * rest.log()
        each: Tensor = flags * there + (1 - flags) * absent
        return -each.mean((1, 2))
