"""Layers on graphs whose nodes are a person's joints or the people of an image: (S, B, n, d)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from heads.blocks.layers import Linear

BODY_25 = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8)),
    *((8, 9), (9, 10), (10, 11), (8, 12), (12, 13), (13, 14)),
    *((0, 15), (0, 16), (15, 17), (16, 18)),
    *((14, 19), (19, 20), (14, 21), (11, 22), (22, 23), (11, 24)),
)
"""OpenPose's limbs: nose, neck and arms; hips and legs; eyes and ears; feet."""
JOINTS = 25


class GraphLayer(nn.Module):
    """A (X W + b): each node's affine map, then the sum over its neighbours. Source: Kipf and Welling 2017, eq. 2."""

    def __init__(self, inputs: int, outputs: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.linear = Linear(inputs, outputs, draws)

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """nodes: (S, B, n, in). adjacency: (n, n), or (S, B, n, n). Returns (S, B, n, out)."""
        mapped: Tensor = self.linear(nodes.flatten(1, 2))
        return adjacency @ mapped.view(*nodes.shape[:3], -1)


def normalised(adjacency: Tensor) -> Tensor:
    """D^-1/2 A D^-1/2, D the sum of each row; 0 for a node that is joined to nobody, itself included. adjacency:
    (..., n, n), not negative."""
    degree = adjacency.sum(-1)
    root = torch.where(degree > 0, degree, 1).rsqrt()
    return adjacency * root.unsqueeze(-1) * root.unsqueeze(-2)


def skeleton() -> Tensor:
    """(25, 25): BODY_25's joints, each joined to itself and to those a limb away, normalised."""
    joined = torch.eye(JOINTS)
    for one, other in BODY_25:
        joined[one, other] = joined[other, one] = 1
    return normalised(joined)


def proximity(boxes: Tensor, unit: float, reach: float) -> tuple[Tensor, Tensor]:
    """The people of an image as a graph.

    boxes: (S, B, n, 4) xyxy in pixels; one without width is nobody. unit: pixels that count as a distance of 1. reach:
    mu of eq. 4.6, in the same unit. Returns the nodes, (S, B, n, 2), each person's centre as seen from the first, in
    units; and the normalised adjacency, (S, B, n, n): e^-d, 0 from ``reach`` on and where nobody is.
    Source: thesis (seeds/003), eq. 4.6.
    """
    there = boxes[..., 2] > boxes[..., 0]
    centres = (boxes[..., :2] + boxes[..., 2:]) / (2 * unit)
    nodes = (centres - centres[..., :1, :]) * there.unsqueeze(-1)
    apart = (nodes.unsqueeze(-2) - nodes.unsqueeze(-3)).square().sum(-1).sqrt()
    near = (apart < reach) & there.unsqueeze(-1) & there.unsqueeze(-2)
    return nodes, normalised(torch.where(near, torch.exp(-apart), 0))
