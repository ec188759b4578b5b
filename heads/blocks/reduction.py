"""Sums and means over a batch's dense values, per seed, where only some of them count.

Source: pytorch-metric-learning's reducers and its ``logsumexp``.
"""

import torch
from torch import Tensor


def log_sum_exp(x: Tensor, kept: Tensor, dim: int = 2) -> Tensor:
    """log of the sum of exp over what is ``kept`` (bool, or how often); the lowest number where nothing is.

    x: (S, B, C). Returns (S, B) or, along dim 1, (S, C).
    """
    times = 0 if kept.dtype == torch.bool else kept.clamp_min(1).log()
    return torch.logsumexp((x + times).masked_fill(kept == 0, torch.finfo(x.dtype).min), dim)


def log_one_plus_sum_exp(x: Tensor, kept: Tensor, dim: int = 2) -> Tensor:
    """log(1 + sum of exp over what is ``kept``); 0 where nothing is. Shapes as ``log_sum_exp``."""
    zero = torch.zeros_like(x.narrow(dim, 0, 1))
    return torch.logsumexp(torch.cat([x.masked_fill(~kept, torch.finfo(x.dtype).min), zero], dim), dim)


def ratio(total: Tensor, count: Tensor) -> Tensor:
    """total / count, 0 where nothing counts. Both (S,)."""
    return total / count.clamp_min(1)


def mean(values: Tensor, times: Tensor) -> Tensor:
    """Mean of values, each as often as ``times`` says; 0 for a seed without any. Both (S, ...). Returns (S,)."""
    return ratio((values * times).flatten(1).sum(1), times.flatten(1).sum(1))


def mean_of_positive(values: Tensor, times: Tensor) -> Tensor:
    """Mean over the values above 0, each as often as ``times`` says (AvgNonZeroReducer). Both (S, ...)."""
    return mean(values, times * (values > 0))
