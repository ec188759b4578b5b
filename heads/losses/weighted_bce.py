"""Binary cross-entropy with rare classes weighing more, by the training people."""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from cache.config import Settings
from heads.blocks.label_loss import LabelLoss
from heads.blocks.varied import Number
from heads.head import Taught
from heads.losses._class_weights import by_logarithm


class Loss(LabelLoss):
    """Mean over samples of the sum over classes of w times the cross-entropy; w in proportion to 1 / ln(offset + p),
    p the share of training people with the class, and summing to 1.

    Source of the weights: relational regions (seeds/004), eq. 9, which has them on squares: see ``weighted_l2``.
    """

    recordable = True

    class Config(Settings):
        """offset: lambda; the nearer to 1, the more a rare class weighs."""

        offset: Number = Field(1.2, gt=1)

    weights: Tensor

    def __init__(self, config: Config, classes: int, seeds: int) -> None:
        super().__init__(config, classes, seeds)
        self.register_buffer("weights", torch.full((seeds, classes), 1 / classes))

    def learn_from(self, taught: Taught) -> None:
        """How often each class occurs."""
        self.weights.copy_(by_logarithm(self.config.offset, taught, self.weights))

    def forward(self, logits: Tensor, flags: Tensor) -> Tensor:
        """See the class."""
        each = F.binary_cross_entropy_with_logits(logits, flags, reduction="none")
        return (each * self.weights.unsqueeze(1)).sum(2).mean(1)
