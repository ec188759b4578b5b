"""Losses that compare samples with a learnt vector for each class, or several."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.chosen import Chosen


def drawn(draws: Sequence[torch.Generator], rows: int, width: int, deviation: float) -> nn.Parameter:
    """(S, rows, width), normal, each seed's by its own generator."""
    each = [torch.empty(rows, width).normal_(0, deviation, generator=draw) for draw in draws]
    return nn.Parameter(torch.stack(each))


def cross_entropy(logits: Tensor, labels: Tensor, chosen: Chosen, anchors_only: bool = False) -> Tensor:
    """Mean over the batch, weighted by how often a sample was chosen. logits: (S, B, C). Returns (S,)."""
    each = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    return (each * chosen.weights(each.dtype, anchors_only)).mean(1)
