"""Cross-entropy per seed."""

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-likelihood of the right class. logits: (S, B, C). labels: (S, B). Returns (S,).

    Source: Affect-DML, section III-D (L_class in eq. 7).
    """
    losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    return losses.view(labels.shape).mean(1)
