"""Batches of embeddings and labels that metric learning must get through."""

import torch
from torch import Tensor
from torch.nn import functional as F

CASES = (
    *("random", "groups of four", "close", "one class", "all different", "one pair", "duplicates", "separated"),
    *("two samples", "two of one class", "all the same", "one class, all the same", "zeros"),
)
TIES = ("duplicates", "all the same", "one class, all the same", "zeros")
"""Cases in which samples are at distance 0."""


def batch(case: str, seed: int, width: int = 16) -> tuple[Tensor, Tensor]:
    """(B, width) float64 of any length, and (B,) of six classes (of more in three of the cases)."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(32, width, generator=draw, dtype=torch.float64)
    labels = torch.randint(0, 6, (32,), generator=draw)
    if case == "groups of four":
        labels = torch.arange(8).repeat_interleave(4) % 6
    elif case == "close":
        x = 1 + 0.1 * x
    elif case == "one class":
        labels = torch.full((32,), 2)
    elif case == "all different":
        labels = torch.arange(32)
    elif case == "one pair":
        labels = torch.cat([torch.zeros(2, dtype=torch.int64), torch.arange(1, 31)])
    elif case == "duplicates":
        x[8:16], labels[8:16] = x[:8], labels[:8]
    elif case == "separated":
        x = 0.01 * x + 10 * F.one_hot(labels, width)
    elif case == "two samples":
        x, labels = x[:2], torch.tensor([0, 1])
    elif case == "two of one class":
        x, labels = x[:2], torch.tensor([1, 1])
    elif case == "all the same":
        x = x[:1].repeat(32, 1)
    elif case == "one class, all the same":
        x, labels = x[:1].repeat(32, 1), torch.full((32,), 2)
    elif case == "zeros":
        x = torch.zeros_like(x)
    return x, labels
