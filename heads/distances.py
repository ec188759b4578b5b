"""How embeddings are compared, all seeds at once."""

import torch
from torch import Tensor


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """x: (S, B, e), y: (S, C, e), of length 1. Returns (S, B, C)."""
    return torch.bmm(x, y.mT)


def euclidean(x: Tensor, y: Tensor) -> Tensor:
    """x: (S, B, e), y: (S, C, e). Returns (S, B, C); exact where two are equal, with a zero gradient there."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
