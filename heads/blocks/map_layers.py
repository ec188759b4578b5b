"""Layers on maps as wide as a photograph's, of one seed's model a call: (B, c, h, w) -> (B, c', h, w).

On a CPU wide maps are quickest seed by seed, with the channels of a place side by side in memory
(``torch.channels_last``), see ``Conv2d.alone``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.convolution import Conv2d
from heads.blocks.layers import BatchNorm


class Normed(nn.Module):
    """A convolution that keeps the sides, and batch normalisation. kernel: odd."""

    def __init__(self, inputs: int, outputs: int, kernel: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.convolution = Conv2d(inputs, outputs, kernel, draws, padding=kernel // 2, bias=False)
        self.norm = BatchNorm(outputs, len(draws))

    def forward(self, x: Tensor, seed: int) -> Tensor:
        """x: (B, inputs, h, w). Returns (B, outputs, h, w)."""
        return self.norm.alone(self.convolution.alone(x, seed), seed)


class Residual(nn.Module):
    """Two convolutions of 3 x 3 with batch normalisation, ReLU between them, and what came in added before the last
    ReLU."""

    def __init__(self, channels: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.first, self.second = (Normed(channels, channels, 3, draws) for _ in range(2))

    def forward(self, x: Tensor, seed: int) -> Tensor:
        """x: (B, c, h, w). Returns the same shape, nowhere below 0."""
        return F.relu_(self.second(F.relu_(self.first(x, seed)), seed) + x)


class Residuals(nn.Module):
    """Residual blocks one after another; none changes nothing."""

    def __init__(self, channels: int, blocks: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Residual(channels, draws) for _ in range(blocks))

    def forward(self, x: Tensor, seed: int) -> Tensor:
        """x: (B, c, h, w), and so is what it returns."""
        for block in self.blocks:
            x = block(x, seed)
        return x


class MapOutput(nn.Module):
    """A convolution of 3 x 3 with batch normalisation and ReLU, then one of 1 x 1 to ``outputs`` maps."""

    def __init__(self, channels: int, outputs: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.hidden = Normed(channels, channels, 3, draws)
        self.last = Conv2d(channels, outputs, 1, draws)

    def forward(self, x: Tensor, seed: int) -> Tensor:
        """x: (B, channels, h, w). Returns (B, outputs, h, w)."""
        return self.last.alone(F.relu_(self.hidden(x, seed)), seed)


class MapHead(nn.Module):
    """Residual blocks, then one or more outputs, whose maps are joined."""

    def __init__(self, channels: int, blocks: int, outputs: Sequence[int], draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.blocks = Residuals(channels, blocks, draws)
        self.outputs = nn.ModuleList(MapOutput(channels, maps, draws) for maps in outputs)

    def forward(self, x: Tensor, seed: int) -> Tensor:
        """x: (B, c, h, w). Returns (B, sum of outputs, h, w)."""
        x = self.blocks(x, seed)
        return torch.cat([output(x, seed) for output in self.outputs], 1)


def resized(x: Tensor, height: int, width: int) -> Tensor:
    """(B, c, h, w) -> (B, c, height, width). A side that shrinks: the mean of the area; one that grows: between the two
    nearest places, in proportion. Turning left and right round before it or after it gives the same."""
    small = min(height, x.shape[-2]), min(width, x.shape[-1])
    if small != x.shape[-2:]:
        x = F.adaptive_avg_pool2d(x, small)
    if small != (height, width):
        x = F.interpolate(x, (height, width), mode="bilinear")
    return x
