"""Channels of a vector weighed by the vector itself."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.layers import Linear


class Gate(nn.Module):
    """S squeeze-and-excitation gates: Linear, ReLU, Linear, sigmoid, a factor for each channel.

    The gate of a map (c, h, w) is made of its mean over the places and scales whole channels, so the gated map's mean
    is the gated mean: on cached pooled vectors nothing is lost.
    Source: Hu et al. 2018, Squeeze-and-excitation networks, section 3; BPA, relational regions (seeds/004), section
    3.2.
    """

    def __init__(self, channels: int, hidden: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.first = Linear(channels, hidden, draws)
        self.second = Linear(hidden, channels, draws)

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, c). Returns the same shape."""
        factors: Tensor = torch.sigmoid(self.second(F.relu(self.first(x))))
        return x * factors
