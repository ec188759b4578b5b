"""Losses on valence, arousal, dominance or other numbers, of which some may not be known."""

from typing import Literal

import torch
from torch import Tensor

from heads.blocks.varied import column

Name = Literal["smooth_l1", "margin_euclidean", "l2"]


def dimensions_loss(name: Name, made: Tensor, wanted: Tensor, scale: float | Tensor, margin: float | Tensor) -> Tensor:
    """Mean over the known numbers of what each one's error costs; 0, with a zero gradient, for a seed without any.

    made, wanted: (S, B, D) in 0..1, ``wanted`` NaN where it is not known. scale: errors are multiplied by it first: 10
    makes them those of a scale of 1 to 10. margin: of ``margin_euclidean``, before the scale. Returns (S,).
    Source: thesis (seeds/003), eq. 4.2 (margin Euclidean: errors below the margin cost nothing) and 4.3 (smooth L1),
    which sum over the dimensions.
    """
    known = ~wanted.isnan()
    error = torch.where(known, made - wanted.nan_to_num(), 0).abs() * column(scale, made)
    costs = _costs(name, error, column(scale, made) * column(margin, made))
    return costs.sum((1, 2)) / known.sum((1, 2)).clamp_min(1)


def _costs(name: Name, error: Tensor, margin: float | Tensor) -> Tensor:
    """error: >= 0, of any shape. Returns the same shape."""
    square = error.square()
    if name == "smooth_l1":
        return torch.where(error < 1, 0.5 * square, error - 0.5)
    if name == "margin_euclidean":
        return torch.where(error < margin, 0, square)
    return square
