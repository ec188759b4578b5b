"""Focal loss: binary cross-entropy in which labels that are told well already weigh little."""

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks.label_loss import LabelLoss
from heads.blocks.varied import Number, column


class Loss(LabelLoss):
    """Mean over samples and classes of - a (1 - q)^focusing ln q; q is the probability given to what is right.

    Source: Lin et al. 2017, Focal loss for dense object detection, eq. 5 and section 4.
    """

    recordable = True

    class Config(Settings):
        """focusing: the paper's gamma; 0 leaves the weighted cross-entropy. balance: the paper's alpha, the weight a of
        labels that are there; 1 - balance is that of the others."""

        focusing: Number = Field(2, ge=0)
        balance: Number = Field(0.25, ge=0, le=1)

    def forward(self, logits: Tensor, flags: Tensor) -> Tensor:
        """(1 - q)^focusing as an exponential, whose gradient stays finite where q is 1."""
        balance = column(self.config.balance, logits)
        right = logits * (2 * flags - 1)
        weight = balance * flags + (1 - balance) * (1 - flags)
        focus = (column(self.config.focusing, logits) * F.logsigmoid(-right)).exp()
        each: Tensor = weight * focus * F.logsigmoid(right)
        return -each.mean((1, 2))
