"""Hidden layers of many seeds at once."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.layers import BatchNorm, Linear


class Hidden(nn.Module):
    """Affine maps, each followed by batch normalisation and ReLU."""

    def __init__(self, width: int, widths: Sequence[int], draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        inputs = (width, *widths[:-1])
        self.layers = nn.ModuleList(Linear(*pair, draws) for pair in zip(inputs, widths, strict=True))
        self.norms = nn.ModuleList(BatchNorm(wide, len(draws)) for wide in widths)

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, width). Returns (S, B, the last of widths)."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.relu(norm(layer(x)))
        return x
