"""The graph of a body's 18 joints and how a joint's neighbours are told apart.

Source: thesis (seeds/003), section 5.1.3, eq. 5.11 and 5.12, after Yan et al. 2018, Spatial temporal graph
convolutional networks for skeleton-based action recognition.
"""

from typing import Literal

import torch
from torch import Tensor

Labelling = Literal["uniform", "distance", "spatial"]
JOINTS = 18
NECK = 1
BONES = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),
    *((0, 14), (14, 16), (0, 15), (15, 17)),
)
"""Of OpenPose's COCO-18: nose, neck, right and left arm, right and left leg, eyes, ears."""
_LEAST = 0.001


def hops() -> list[int]:
    """Bones from the neck to each joint."""
    found = {NECK: 0}
    while len(found) < JOINTS:
        for one, other in (*BONES, *(bone[::-1] for bone in BONES)):
            if one in found:
                found.setdefault(other, found[one] + 1)
    return [found[joint] for joint in range(JOINTS)]


def parts(labelling: Labelling) -> Tensor:
    """(K, 18, 18), [k, i, j] 1 where joint j is a neighbour of joint i of kind k.

    uniform: all are of one kind. distance: the joint itself; its neighbours. spatial: as far from the neck as the joint
    itself is; nearer; farther.
    """
    pairs = [(joint, joint) for joint in range(JOINTS)] + [pair for bone in BONES for pair in (bone, bone[::-1])]
    kinds = {pair: _kind(labelling, *pair) for pair in pairs}
    found = torch.zeros(1 + max(kinds.values()), JOINTS, JOINTS)
    for (i, j), kind in kinds.items():
        found[kind, i, j] = 1
    return found


def _kind(labelling: Labelling, joint: int, neighbour: int) -> int:
    if labelling == "uniform":
        return 0
    if labelling == "distance":
        return int(joint != neighbour)
    far = hops()
    nearer = far[neighbour] < far[joint]
    return 0 if far[joint] == far[neighbour] else 1 if nearer else 2


def adjacency(labelling: Labelling) -> Tensor:
    """(K, 18, 18): ``parts`` with each number over the root of how many its row has times how many its column has, both
    with 0.001 added. The published form takes the row's for both, which is the same where a part is symmetric; where it
    is not, it divides by almost nothing at joints that have no neighbour of that kind."""
    found = parts(labelling)
    rows, columns = found.sum(2) + _LEAST, found.sum(1) + _LEAST
    return found / (rows[:, :, None] * columns[:, None, :]).sqrt()
