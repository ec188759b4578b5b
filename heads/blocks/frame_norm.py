"""Batch normalisation of features that some frames do not have."""

import torch
from torch import Tensor, nn


class FrameNorm(nn.Module):
    """Each channel to mean 0 and variance 1 over the frames that are there, with running statistics and nothing else to
    learn (as ``nn.BatchNorm1d`` with ``affine=False``); 0 where a frame is not. Without a frame it changes nothing."""

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, seeds: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.register_buffer("mean", torch.zeros(seeds, channels))
        self.register_buffer("variance", torch.ones(seeds, channels))

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """x: (S, n, d), finite where ``present`` is True: (S, n) bool, or (S, n, d) where each channel is there
        or not by itself. Returns (S, n, d)."""
        there = present if present.ndim == x.ndim else present[..., None]
        mean, variance = self._batch(x, there) if self.training else (self.mean, self.variance)
        scaled = (x - mean[:, None]) / (variance[:, None] + self.eps).sqrt()
        return torch.where(there, scaled, 0)

    def _batch(self, x: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance over the batch, which the running ones take a part of."""
        count = there.sum(1)
        mean = torch.where(there, x, 0).sum(1) / count.clamp_min(1)
        square = torch.where(there, x - mean[:, None], 0).square().sum(1)
        variance, some, more = square / count.clamp_min(1), count > 0, count > 1
        with torch.no_grad():
            kept = self.momentum * some
            self.mean += kept * (mean - self.mean)
            self.variance += self.momentum * more * (square / (count - 1).clamp_min(1) - self.variance)
        return torch.where(some, mean, self.mean), torch.where(more, variance, self.variance)
