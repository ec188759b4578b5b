"""EmotiCon's streams: each gives one number a class. Source: see ``emoticon``."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.convolution import Conv1d
from heads.blocks.graph_layer import JOINTS, GraphLayer, proximity, skeleton
from heads.blocks.layers import BatchNorm, Linear

JOINT = (32, 64)
"""Numbers a joint has after each graph layer, as in the thesis' own pose stream, section 4.2.1."""


class Layers(nn.Module):
    """Fully connected layers, each with batch normalisation and ReLU, then one number a class."""

    def __init__(self, widths: Sequence[int], classes: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.layers = nn.ModuleList(Linear(one, other, draws) for one, other in pairs)
        self.norms = nn.ModuleList(BatchNorm(width, len(draws)) for _, width in pairs)
        self.classifier = Linear(widths[-1], classes, draws)

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, d). Returns (S, B, classes)."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.relu(norm(layer(x)))
        scores: Tensor = self.classifier(x)
        return scores


class Gait(nn.Module):
    """Graph layers on the skeleton, a convolution over the joints, their mean, one number a class."""

    joined: Tensor

    def __init__(self, classes: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        (one, two), seeds = JOINT, len(draws)
        self.graph = nn.ModuleList((GraphLayer(2, one, draws), GraphLayer(one, two, draws)))
        self.norms = nn.ModuleList(BatchNorm(width, seeds) for width in (one, two, two))
        self.convolution = Conv1d(two, two, 3, draws, padding=1)
        self.classifier = Linear(two, classes, draws)
        self.register_buffer("joined", skeleton().expand(seeds, -1, -1).clone())

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, d), of which the first 50 are the joints. Returns (S, B, classes)."""
        nodes = x[..., : 2 * JOINTS].reshape(*x.shape[:2], JOINTS, 2)
        for layer, norm in zip(self.graph, self.norms, strict=False):
            nodes = F.relu(norm(layer(nodes, self.joined[0]).transpose(2, 3))).transpose(2, 3)
        seen = F.relu(self.norms[2](self.convolution(nodes.transpose(2, 3))))
        scores: Tensor = self.classifier(seen.mean(3))
        return scores


class Near(nn.Module):
    """Graph layers on the people of an image; the first of them is the one who is asked about."""

    def __init__(self, unit: float, reach: float, hidden: int, classes: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.unit, self.reach = unit, reach
        self.graph = nn.ModuleList((GraphLayer(2, hidden, draws), GraphLayer(hidden, hidden, draws)))
        self.last = Layers((hidden, hidden), classes, draws)

    def forward(self, boxes: Tensor) -> Tensor:
        """boxes: (S, B, n, 4). Returns (S, B, classes)."""
        nodes, joined = proximity(boxes, self.unit, self.reach)
        for layer in self.graph:
            nodes = F.relu(layer(nodes, joined))
        scores: Tensor = self.last(nodes[:, :, 0])
        return scores


def stream(letter: str, row: Any, config: Any, classes: int, draws: Sequence[torch.Generator]) -> nn.Module:
    """row: the width of a vector, or the shape of an array. config: ``emoticon``'s. Of C, what follows its attention
    branch."""
    hidden = config.hidden
    if letter == "P":
        return Gait(classes, draws)
    if letter == "G":
        return Near(config.unit, config.reach, hidden, classes, draws)
    if letter == "C":
        return Layers((row[0],), classes, draws)
    return Layers((row, *[hidden] * (3 if letter == "F" else 1)), classes, draws)
