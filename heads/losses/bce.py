"""Binary cross-entropy of every label."""

from torch import Tensor
from torch.nn import functional as F

from heads.blocks.label_loss import LabelLoss


class Loss(LabelLoss):
    """Mean over samples and classes. Source: thesis (seeds/003), eq. 2.22."""

    recordable = True

    def forward(self, logits: Tensor, flags: Tensor) -> Tensor:
        """See the class."""
        return F.binary_cross_entropy_with_logits(logits, flags, reduction="none").mean((1, 2))
