"""Convolutions padded as TensorFlow does, without the copy that padding costs: the same sums, for one size of input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Size = tuple[int, int]


class Widened(nn.Conv2d):
    """A convolution whose kernel begins with zeros, so that an uneven padding becomes an even one, which costs nothing.

    It is right for inputs of one size, (h, w), and refuses others.
    """

    def __init__(self, whole: Any, size: Size) -> None:
        """whole: timm's Conv2dSame. size: of its inputs."""
        pads = [_padding(*one) for one in zip(size, whole.kernel_size, whole.stride, strict=True)]
        extra = [after - before for before, after in pads]
        super().__init__(
            whole.in_channels,
            whole.out_channels,
            tuple(kernel + more for kernel, more in zip(whole.kernel_size, extra, strict=True)),
            whole.stride,
            tuple(after for _, after in pads),  # type: ignore[arg-type]
            groups=whole.groups,
            bias=whole.bias is not None,
        )
        self.size = size
        wide = torch.zeros_like(self.weight, dtype=whole.weight.dtype)
        wide[:, :, extra[0] :, extra[1] :] = whole.weight.detach()
        self.weight, self.bias = nn.Parameter(wide), whole.bias

    def forward(self, x: Tensor) -> Tensor:
        """Raises: ValueError for an input of another size."""
        if x.shape[-2:] != self.size:
            raise ValueError(f"made for inputs of {self.size}, got {tuple(x.shape[-2:])}")
        return super().forward(x)


def absorb(network: nn.Module, forward: Callable[[], Any]) -> int:
    """Put ``Widened`` in place of each depthwise convolution of ``network`` that pads by copying its input; returns how
    many. The others, whose own work outweighs the copy, stay.

    forward: runs ``network`` on an input of the size that it will have from now on.
    """
    timm: Any = sys.modules.get("timm.layers")
    every: list[Any] = list(network.modules())
    found = [one for one in every if timm and type(one) is timm.Conv2dSame and _fits(one)]
    sizes: dict[nn.Module, Size] = {}

    def note(module: nn.Module, inputs: Any) -> None:
        sizes[module] = tuple(inputs[0].shape[-2:])

    hooks = [one.register_forward_pre_hook(note) for one in found]
    try:
        with torch.no_grad():
            if found:
                forward()
    finally:
        for hook in hooks:
            hook.remove()
    places = {module: (parent, name) for parent in network.modules() for name, module in parent.named_children()}
    for one, size in sizes.items():
        parent, name = places[one]
        setattr(parent, name, Widened(one, size))
    return len(sizes)


def _fits(one: nn.Conv2d) -> bool:
    return one.groups == one.in_channels and one.dilation == (1, 1)


def _padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Before and after, on one axis: as many outputs as strides begin in the input. Source: TensorFlow, SAME."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
