"""A unit of a spatial-temporal graph network: over a joint's neighbours, then over its own past and future."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.convolution import Conv2d
from heads.blocks.draws import Draws
from heads.blocks.layers import BatchNorm


class GraphUnit(nn.Module):
    """Neighbours of each kind by weights of their own, times a learned importance of each edge; batch normalisation and
    ReLU; a convolution in time; batch normalisation and dropout; what came in added, by a convolution of 1 x 1 where
    its shape is another; ReLU.

    Source: thesis (seeds/003), section 5.1.3, eq. 5.12; Yan et al. 2018.
    """

    adjacency: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        adjacency: Tensor,
        draws: Sequence[torch.Generator],
        kernel: int,
        stride: int,
        dropout: float,
    ) -> None:
        """adjacency: (K, V, V). kernel, stride: in time."""
        super().__init__()
        seeds, kinds = len(draws), len(adjacency)
        self.kinds, self.dropout = kinds, dropout
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.importance = nn.Parameter(torch.ones(seeds, *adjacency.shape))
        self.spatial = Conv2d(inputs, kinds * outputs, 1, draws)
        self.norm = BatchNorm(outputs, seeds)
        self.temporal = Conv2d(outputs, outputs, (kernel, 1), draws, (stride, 1), (kernel // 2, 0), bias=False)
        self.last_norm = BatchNorm(outputs, seeds)
        self.short: nn.Sequential | None = None
        if inputs != outputs or stride > 1:
            short = Conv2d(inputs, outputs, 1, draws, (stride, 1), bias=False)
            self.short = nn.Sequential(short, BatchNorm(outputs, seeds))

    def forward(self, x: Tensor, chance: Draws) -> Tensor:
        """x: (S, B, c, T, V). Returns (S, B, c', T', V)."""
        parts = self.spatial(x).unflatten(2, (self.kinds, -1))
        joined = torch.einsum("sbkctj,skij->sbcti", parts, self.adjacency * self.importance)
        out = self.last_norm(self.temporal(F.relu(self.norm(joined))))
        if self.training:
            out = chance.dropped(out, self.dropout)
        return F.relu(out + (x if self.short is None else self.short(x)))
