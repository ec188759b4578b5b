"""Layers that hold one set of weights per seed and run all of them in one call: (S, B, in) -> (S, B, out).

Seed s inside a batch of seeds starts and computes as seed s alone: every layer draws from the seed's own generator.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One CPU generator per seed, so that a seed draws the same numbers whoever trains beside it."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


class Linear(nn.Module):
    """S affine maps. weight: (S, in, out), so that its gradient comes out contiguous. bias: (S, 1, out).

    Each seed's draw is that of ``nn.Linear`` (weight, then bias, both uniform within 1/sqrt(in)).
    taps: while an optimiser makes the weight's gradient itself, a list that gets (x, gradient of the output) of each
    call when it is differentiated, and the weight is a constant to autograd; otherwise None.
    """

    def __init__(self, inputs: int, outputs: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        weights, biases = [], []
        for draw in draws:
            weights.append(torch.empty(outputs, inputs).uniform_(-bound, bound, generator=draw).T)
            biases.append(torch.empty(1, outputs).uniform_(-bound, bound, generator=draw))
        self.weight = nn.Parameter(torch.stack(weights).contiguous())
        self.bias = nn.Parameter(torch.stack(biases))
        self.taps: list[tuple[Tensor, Tensor]] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, in). Returns (S, B, out)."""
        taps = self.taps
        if taps is None or not torch.is_grad_enabled():
            return torch.baddbmm(self.bias, x, self.weight)
        out = torch.baddbmm(self.bias, x, self.weight.detach())
        version = x._version

        def tap(gradient: Tensor) -> None:
            if x._version != version:  # autograd, which does not need x here, cannot see it
                raise RuntimeError("the input of a Linear was changed in place after it was used")
            taps.append((x.detach(), gradient))

        out.register_hook(tap)  # type: ignore[no-untyped-call]
        return out


class BatchNorm(nn.Module):
    """Batch normalisation over B, and over the places of a map, per seed and channel, with running statistics (as
    ``nn.BatchNorm1d``, ``nn.BatchNorm2d``)."""

    def __init__(self, channels: int, seeds: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(seeds, channels))
        self.bias = nn.Parameter(torch.zeros(seeds, channels))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(seeds, channels))
        self.register_buffer("variance", torch.ones(seeds, channels))

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, C), or maps (S, B, C, *sides). Returns the same shape. Seeds become channels, so one kernel call
        serves all of them.

        Raises: ValueError in training on one number a channel, whose variance is unknown.
        """
        seeds, batch, channels, *sides = x.shape
        flat = F.batch_norm(
            x.transpose(0, 1).reshape(batch, seeds * channels, *sides),
            self.mean.view(-1),
            self.variance.view(-1),
            self.weight.view(-1),
            self.bias.view(-1),
            self.training,
            self.momentum,
            self.eps,
        )
        return flat.view(batch, seeds, channels, *sides).transpose(0, 1)
