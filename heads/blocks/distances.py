"""How embeddings are compared, all seeds at once.

``unit`` and ``pairwise`` bring their own gradients: autograd's take three times as many operations, and in a step on
cached features most of the time that is not matrix products goes into starting operations.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_EXACT = "donot_use_mm_for_euclid_dist"
_LEAST = 1e-12


def unit(x: Tensor) -> Tensor:
    """x, (S, B, e), with every vector brought to length 1; a vector of zeros stays. As ``nn.functional.normalize``."""
    result: Tensor = _Unit.apply(x)  # type: ignore[no-untyped-call]
    return result


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """x: (S, B, e), y: (S, C, e), of length 1. Returns (S, B, C)."""
    return torch.bmm(x, y.mT)


def euclidean(x: Tensor, y: Tensor) -> Tensor:
    """x: (S, B, e), y: (S, C, e). Returns (S, B, C); exact where two are equal, with a zero gradient there."""
    return torch.cdist(x, y, compute_mode=_EXACT)


def pairwise(x: Tensor) -> Tensor:
    """``euclidean(x, x)``, (S, B, B)."""
    result: Tensor = _Pairwise.apply(x)  # type: ignore[no-untyped-call]
    return result


class _Unit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """y = x / |x|."""
        length = torch.linalg.vector_norm(x, dim=2, keepdim=True).clamp_min_(_LEAST)
        y: Tensor = x / length
        ctx.save_for_backward(y, length)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """(g - y (y . g)) / |x|: what of g would change the length is left out."""
        y, length = ctx.saved_tensors
        along = (gradient * y).sum(2, keepdim=True)
        result: Tensor = torch.addcmul(gradient, y, along, value=-1).div_(length)
        return result


class _Pairwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """d_ij = |x_i - x_j|."""
        distance = torch.cdist(x, x, compute_mode=_EXACT)
        ctx.save_for_backward(x, distance)
        return distance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """sum_j (g_ij + g_ji) (x_i - x_j) / d_ij, 0 where d is."""
        x, distance = ctx.saved_tensors
        both = gradient + gradient.mT
        result: Tensor = torch.ops.aten._cdist_backward(both, x, x, 2.0, distance)
        return result
