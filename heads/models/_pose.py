"""A person's joints as a vector of 256: the pose stream of the thesis, in its two forms and as one layer.

The 141 numbers are those of the feature ``pose_vector``: x, y of 25 joints of the body, 21 of the left hand, 21 of the
right one, then 7 distances. Source: thesis (seeds/003), section 4.2.1, "Pose".
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.hidden import Hidden
from heads.blocks.layers import BatchNorm, Linear

Kind = Literal["conv1d", "gcn", "linear"]
BODY, HAND, DISTANCES = 25, 21, 7
NODES = BODY + 2 * HAND
VECTOR = 2 * NODES + DISTANCES
OUTPUT = 256
_CONVOLUTIONS, _CONNECTED, _GRAPH = (256, 512, 1024), (1024, 512, OUTPUT), (32, 64, 64)
_BONES = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (10, 11), (8, 12), (12, 13)),
    *((13, 14), (0, 15), (15, 17), (0, 16), (16, 18), (14, 19), (19, 20), (14, 21), (11, 22), (22, 23), (11, 24)),
)
"""Of OpenPose's BODY_25."""
_LEFT_WRIST, _RIGHT_WRIST = 7, 4
_FINGERS = tuple((0 if joint % 4 == 1 else joint - 1, joint) for joint in range(1, HAND))
"""Of a hand whose joint 0 is its wrist: five fingers of four."""


class Graph(nn.Module):
    """Graph convolutions over the joints, flattened, with the distances beside them, and fully connected layers.

    Source: the thesis for the widths; Kipf and Welling 2017 for the layers, H' = ReLU(BN(A H W)) with A the adjacency
    with self-loops, symmetrically normalised. The graph itself is ours, as the thesis names none: the bones of BODY_25
    and of each hand, whose wrist is joined to the body's. The distances are no joints, so they come in after it.
    """

    adjacency: Tensor

    def __init__(self, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        inputs = (2, *_GRAPH[:-1])
        self.layers = nn.ModuleList(Linear(*pair, draws) for pair in zip(inputs, _GRAPH, strict=True))
        self.norms = nn.ModuleList(BatchNorm(wide, len(draws)) for wide in _GRAPH)
        self.connected = Hidden(NODES * _GRAPH[-1] + DISTANCES, _CONNECTED, draws)
        self.register_buffer("adjacency", adjacency(), persistent=False)

    def forward(self, vector: Tensor) -> Tensor:
        """vector: (S, B, 141). Returns (S, B, 256)."""
        seeds, batch, _ = vector.shape
        x = vector[:, :, : 2 * NODES].reshape(seeds, batch * NODES, 2)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            around = self.adjacency @ x.view(seeds, batch, NODES, -1)
            x = F.relu(norm(layer(around.view(seeds, batch * NODES, -1))))
        joints = x.reshape(seeds, batch, -1)
        made: Tensor = self.connected(torch.cat([joints, vector[:, :, 2 * NODES :]], 2))
        return made


def encoder(kind: Kind, draws: Sequence[torch.Generator]) -> nn.Module:
    """(S, B, 141) -> (S, B, 256).

    conv1d: three convolutions of 256, 512 and 1024 filters, kernel 3, padding 1, then three fully connected layers. The
    thesis does not say over what they run; it flattens the graph's output and not theirs, so 141 channels at one
    position are read here. Of a kernel over one padded position the middle alone meets numbers: an affine map.
    linear: one affine map with batch normalisation and ReLU.
    """
    if kind == "gcn":
        return Graph(draws)
    return Hidden(VECTOR, (*_CONVOLUTIONS, *_CONNECTED) if kind == "conv1d" else (OUTPUT,), draws)


def adjacency() -> Tensor:
    """(67, 67): D^-1/2 (A + I) D^-1/2 of the joints' graph."""
    edges = [*_BONES]
    for wrist, first in ((_LEFT_WRIST, BODY), (_RIGHT_WRIST, BODY + HAND)):
        edges += [(wrist, first), *((first + one, first + other) for one, other in _FINGERS)]
    linked = torch.eye(NODES)
    for one, other in edges:
        linked[one, other] = linked[other, one] = 1
    scale = linked.sum(1).rsqrt()
    return scale[:, None] * linked * scale
