"""Layers that hold one set of weights per seed and run all of them in one call: (S, B, in) -> (S, B, out).

Seed s inside a batch of seeds starts and computes as seed s alone: every layer draws from the seed's own generator.
"""

import math
from abc import ABC
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Taps = list[tuple[Tensor, Tensor]]
"""Of a layer: the x and the gradient of the output of every call that the loss depends on, (S, n, in), (S, n, out)."""

_FEW = 2**16
"""Numbers of one seed's weight up to which all seeds are multiplied in one call."""
_ROWS = 256
"""Of a large weight that are multiplied at once with a few columns."""

ALL = slice(None)
"""Every column."""


def learned(parts: Sequence[Tensor]) -> slice:
    """The columns of ``parts`` side by side from the first to the last part whose gradient is wanted, which cached
    features' is not. parts: (S, B, d) each."""
    ends = list(accumulate(part.shape[2] for part in parts))
    wanted = [number for number, part in enumerate(parts) if part.requires_grad]
    if not wanted:
        return slice(0, 0)
    return slice(ends[wanted[0]] - parts[wanted[0]].shape[2], ends[wanted[-1]])


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One CPU generator per seed, so that a seed draws the same numbers whoever trains beside it."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


class Streamed(nn.Module, ABC):
    """A layer whose weight, (S, in, out), an optimiser may train without ever holding its gradient.

    taps: while an optimiser makes that gradient itself, a list that gets (x, gradient of the output) of each call when
    it is differentiated, their product the weight's gradient; autograd then has none for it. Otherwise None.

    wanted, below: the columns of x (the rows of ``after``) whose gradient matters, such as those of ``learned``; what
    the others get is unspecified.
    """

    weight: nn.Parameter
    taps: Taps | None = None

    def times(self, x: Tensor, bias: Tensor | None = None, wanted: slice = ALL) -> Tensor:
        """x @ weight + bias. x: (S, B, in). bias: (S, 1, out)."""
        if self.taps is not None and torch.is_grad_enabled():
            made: Tensor = _Tapped.apply(x, self.weight, bias, self.taps, wanted)  # type: ignore[no-untyped-call]
            return made
        return _affine(x, self.weight, bias)

    def folded(self, after: Tensor, wanted: slice = ALL) -> Tensor:
        """weight @ after: both maps in one, for fewer columns than there are samples. after: (S, out, k). Returns
        (S, in, k)."""
        if self.taps is not None and torch.is_grad_enabled():
            made: Tensor = _Folded.apply(self.weight, after, self.taps, wanted)  # type: ignore[no-untyped-call]
            return made
        return torch.bmm(self.weight, after)


class Linear(Streamed):
    """S affine maps. weight: (S, in, out), so that its gradient comes out contiguous. bias: (S, 1, out).

    Each seed's draw is that of ``nn.Linear`` (weight, then bias, both uniform within 1/sqrt(in)).
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

    def forward(self, x: Tensor, wanted: slice = ALL) -> Tensor:
        """x: (S, B, in). wanted: see ``Streamed``. Returns (S, B, out)."""
        return self.times(x, self.bias, wanted)


class _Tapped(torch.autograd.Function):
    """``_affine``, whose x and gradient go to ``taps`` in place of a gradient of the weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, taps: Taps, wanted: slice) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.taps, ctx.wanted = taps, wanted
        return _affine(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors
        ctx.taps.append((x.detach(), gradient))
        # The weight on the left: with few rows on the other side, it is read as it lies and not packed first.
        before = None
        if ctx.needs_input_grad[0]:
            before = _among(_one_by_one(weight[:, ctx.wanted], gradient.mT), ctx.wanted, weight.shape[1]).mT
        return before, None, gradient.sum(1, keepdim=True) if ctx.needs_input_grad[2] else None, None, None


class _Folded(torch.autograd.Function):
    """weight @ after, tapped as a call on the rows of its own gradient."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, after: Tensor, taps: Taps, wanted: slice) -> Tensor:
        ctx.save_for_backward(weight, after)
        ctx.taps, ctx.wanted = taps, wanted
        return _few_columns(weight, after)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), (weight, after) = gradients, ctx.saved_tensors
        ctx.taps.append((gradient.mT, after.detach().mT))
        before = None
        if ctx.needs_input_grad[1]:
            made = _few_columns(weight[:, :, ctx.wanted].mT, gradient)
            before = _among(made, ctx.wanted, weight.shape[2])
        return None, before, None, None


def _among(rows: Tensor, wanted: slice, count: int) -> Tensor:
    """``rows``, (S, n, k), in their places ``wanted`` among ``count``, the others 0."""
    start, end, _ = wanted.indices(count)
    return rows if end - start == count else F.pad(rows, (0, 0, start, count - end))


def _one_by_one(weight: Tensor, columns: Tensor) -> Tensor:
    """weight @ columns, a seed on all cores at a time where weights are many: in one call each core takes whole seeds,
    and of an odd number one core has more to do."""
    if weight[0].numel() <= _FEW:
        return torch.bmm(weight, columns)
    return torch.stack([torch.mm(*pair) for pair in zip(weight, columns, strict=True)])


def _few_columns(weight: Tensor, columns: Tensor) -> Tensor:
    """weight @ columns, by blocks of the weight's rows: up to twice as fast where weights are many, columns few."""
    blocks, rest = divmod(weight.shape[1], _ROWS)
    if rest:
        return torch.bmm(weight, columns)
    parts = [
        torch.bmm(one.mT.expand(blocks, -1, -1), each.unflatten(0, (blocks, _ROWS)).mT).mT.flatten(0, 1)
        for each, one in zip(weight, columns, strict=True)
    ]
    return torch.stack(parts)


def _affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias, x, weight)


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

    def alone(self, x: Tensor, seed: int) -> Tensor:
        """``forward`` of one seed's model: x is (B, C) or (B, C, *sides). Raises: as ``forward``."""
        mean, variance, weight, bias = (one[seed] for one in (self.mean, self.variance, self.weight, self.bias))
        return F.batch_norm(x, mean, variance, weight, bias, self.training, self.momentum, self.eps)
