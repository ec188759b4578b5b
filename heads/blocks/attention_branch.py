"""An attention branch on a network's last feature maps, which tells where a picture speaks of the labels."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.convolution import Conv2d
from heads.blocks.cross_entropy import cross_entropy
from heads.blocks.layers import BatchNorm
from heads.head import FLAGS, given


class Attended(NamedTuple):
    """maps: g, (S, B, c, h, w). logits: (S, B, C), the branch's own. map: M, (S, B, h, w) in 0..1."""

    maps: Tensor
    logits: Tensor
    map: Tensor

    @property
    def weighted(self) -> Tensor:
        """(S, B, c, h, w), (1 + M) g."""
        return (1 + self.map.unsqueeze(2)) * self.maps

    @property
    def pooled(self) -> Tensor:
        """(S, B, c), the mean over places of ``weighted``, which is not made for it."""
        places = (1 + self.map).flatten(2)
        made = torch.bmm(places.flatten(0, 1).unsqueeze(1), self.maps.flatten(3).flatten(0, 1).mT)
        return made.view(self.maps.shape[:3]) / places.shape[2]


class AttentionBranch(nn.Module):
    """1 x 1 convolution to the C labels, batch normalisation, ReLU; from there the branch's own logits (1 x 1
    convolution, mean over places) and the map of attention (1 x 1 convolution to one channel, batch normalisation,
    sigmoid).

    Source: thesis (seeds/003), section 4.1.2, eq. 4.5; Fukui et al. 2019, Attention branch network, section 3.1.
    """

    def __init__(self, channels: int, classes: int, draws: Sequence[torch.Generator]) -> None:
        """channels: of the feature maps. classes: C."""
        super().__init__()
        seeds = len(draws)
        self.first = Conv2d(channels, classes, 1, draws, bias=False)
        self.norm = BatchNorm(classes, seeds)
        self.classifier = Conv2d(classes, classes, 1, draws)
        self.attention = Conv2d(classes, 1, 1, draws, bias=False)
        self.attention_norm = BatchNorm(1, seeds)

    def forward(self, maps: Tensor) -> Attended:
        """maps: g, (S, B, c, h, w)."""
        seen = F.relu(self.norm(pointwise(self.first, maps)))
        attention = self.attention_norm(pointwise(self.attention, seen)).sigmoid()
        classify, over = self.classifier, seen.mean((3, 4))  # the mean over places of what it makes of each
        logits = torch.baddbmm(given(classify.bias).unsqueeze(1), over, classify.weight.flatten(2).mT)
        return Attended(maps, logits, attention.squeeze(2))


def pointwise(layer: Conv2d, maps: Tensor) -> Tensor:
    """What ``layer``, 1 x 1 and without an offset, makes of ``maps``, (S, B, c, h, w), seed by seed: products of the
    maps as they lie, which a convolution brings into another layout first."""
    weights = layer.weight.flatten(2)
    made = [torch.bmm(one.expand(x.shape[0], -1, -1), x) for one, x in zip(weights, maps.flatten(3), strict=True)]
    return torch.stack(made).view(*maps.shape[:2], -1, *maps.shape[3:])


def own_loss(logits: Tensor, targets: Tensor, kind: str) -> Tensor:
    """The branch's own: binary cross-entropy of FLAGS, (S, B, C), cross-entropy of CLASS, (S, B). Returns (S,).

    Source: thesis, section 4.2.1, L_att.
    """
    if kind == FLAGS:
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean((1, 2))
    return cross_entropy(logits, targets)
