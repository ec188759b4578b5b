"""Batch normalisations made part of the convolutions before them: the same function with fewer passes over memory.

torch's and torchvision's, and timm's with an activation, of which the activation is left.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from pipeline.networks.watched import Watched

_CONVOLUTIONS: tuple[type[nn.Module], ...] = (nn.Conv2d,)
_NORMS: tuple[type[nn.Module], ...] = (nn.BatchNorm2d, FrozenBatchNorm2d)


def fold(network: nn.Module, forward: Callable[[], Any]) -> int:
    """Fold in place, wherever it changes nothing but rounding, and leave ``network`` in evaluation mode.

    Returns how many were folded.

    forward: runs ``network`` once on any input. What is folded is seen in that run, not guessed from names: a batch
    normalisation of which the one input is a convolution's output that nothing else reads, both used once.
    """
    seen = Watched()
    network.eval()
    convolutions, norms = _foldable()
    if not any(type(module) in norms for module in network.modules()):
        return 0
    hooks = [
        module.register_forward_hook(lambda layer, _, output: seen.gave(layer, output))
        if type(module) in convolutions
        else module.register_forward_pre_hook(lambda norm, inputs: seen.took(norm, inputs[0]))
        for module in network.modules()
        if type(module) in (*convolutions, *norms)
    ]
    try:
        with torch.no_grad(), seen:
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    places = {module: (parent, name) for parent in network.modules() for name, module in parent.named_children()}
    pairs = [(convolution, norm) for convolution, norm in seen.pairs() if norm.running_mean is not None]
    for convolution, norm in pairs:
        _join(convolution, norm)
        parent, name = places[norm]
        setattr(parent, name, _rest(norm))
    return len(pairs)


def _foldable() -> tuple[tuple[type[nn.Module], ...], tuple[type[nn.Module], ...]]:
    """The exact types of convolutions and of norms that are understood; timm's where somebody has loaded it: a network
    without it holds none of them, and loading it takes seconds."""
    timm: Any = sys.modules.get("timm.layers")
    if timm is None:
        return _CONVOLUTIONS, _NORMS
    return (*_CONVOLUTIONS, timm.Conv2dSame), (*_NORMS, timm.BatchNormAct2d)


def _rest(norm: Any) -> nn.Module:
    """What a norm does beside normalising."""
    return nn.Identity() if type(norm) in _NORMS else nn.Sequential(norm.drop, norm.act)


def _join(convolution: nn.Conv2d, norm: Any) -> None:
    """In float64: weight * s, and (bias - mean) * s + shift, where s = gain / sqrt(variance + eps)."""
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    gain = torch.ones_like(mean) if norm.weight is None else norm.weight.detach().double()
    shift = torch.zeros_like(mean) if norm.bias is None else norm.bias.detach().double()
    scale = gain / torch.sqrt(variance + norm.eps)
    bias = torch.zeros_like(mean) if convolution.bias is None else convolution.bias.detach().double()
    weight = convolution.weight.detach()
    convolution.weight = nn.Parameter((weight.double() * scale.view(-1, 1, 1, 1)).to(weight.dtype))
    convolution.bias = nn.Parameter(((bias - mean) * scale + shift).to(weight.dtype))
