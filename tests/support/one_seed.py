"""Batched layers of one seed by torch's own functions, to write a head again with."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F


def linear(layer: Any, seed: int, x: Tensor) -> Tensor:
    """x: (B, in)."""
    return F.linear(x, layer.weight[seed].T, layer.bias[seed, 0])


def conv2d(layer: Any, seed: int, x: Tensor, padding: int = 0) -> Tensor:
    """x: (B, in, h, w)."""
    return F.conv2d(x, layer.weight[seed], None if layer.bias is None else layer.bias[seed], padding=padding)


def norm(layer: Any, seed: int, x: Tensor) -> Tensor:
    """x: (B, C, ...), by the batch's own statistics."""
    return F.batch_norm(x, None, None, layer.weight[seed], layer.bias[seed], training=True)
