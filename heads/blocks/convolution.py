"""Convolutions that hold one set of weights per seed: (S, B, c, *sides) -> (S, B, c', *sides').

Seeds become groups of one convolution, so one kernel call serves all of them and no seed sees another's channels.
"""

import math
from abc import ABC
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _Convolution(nn.Module, ABC):
    """weight: (S, out, in, *kernel). bias: (S, out), or None. Each seed's draw is that of torch's own layer (weight,
    then bias, both uniform within 1/sqrt(in x kernel))."""

    sides: ClassVar[int]
    convolve: ClassVar[Any]

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, ...],
        draws: Sequence[torch.Generator],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        kernels = [kernel] * self.sides if isinstance(kernel, int) else kernel
        shape = (outputs, inputs, *kernels)
        bound = 1 / math.sqrt(inputs * math.prod(kernels))
        weights, biases = [], []
        for draw in draws:
            weights.append(torch.empty(shape).uniform_(-bound, bound, generator=draw))
            if bias:
                biases.append(torch.empty(outputs).uniform_(-bound, bound, generator=draw))
        self.weight = nn.Parameter(torch.stack(weights))
        self.bias = nn.Parameter(torch.stack(biases)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, in, *sides). Returns (S, B, out, *sides)."""
        seeds, batch, channels, *sides = x.shape
        out = self.convolve(
            x.transpose(0, 1).reshape(batch, seeds * channels, *sides),
            self.weight.flatten(0, 1),
            None if self.bias is None else self.bias.flatten(),
            self.stride,
            self.padding,
            groups=seeds,
        )
        made: Tensor = out.unflatten(1, (seeds, -1)).transpose(0, 1)
        return made

    def alone(self, x: Tensor, seed: int) -> Tensor:
        """``forward`` of one seed's model: x is (B, in, *sides). Wide maps go so: on a CPU a convolution of one group
        on channels that lie together takes half the time of one of many groups."""
        bias = None if self.bias is None else self.bias[seed]
        made: Tensor = self.convolve(x, self.weight[seed], bias, self.stride, self.padding)
        return made


class Conv1d(_Convolution):
    """As ``nn.Conv1d``: x is (S, B, in, length)."""

    sides = 1
    convolve = staticmethod(F.conv1d)


class Conv2d(_Convolution):
    """As ``nn.Conv2d``, with squares as kernels where one number is given: x is (S, B, in, h, w)."""

    sides = 2
    convolve = staticmethod(F.conv2d)
