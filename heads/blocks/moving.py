"""Skeletons in training as a moving camera would see them."""

import math

import torch
from torch import Tensor

DEGREES, SCALES, SHIFTS = (-10, -5, 0, 5, 10), (0.9, 1.0, 1.1), (-0.2, -0.1, 0.0, 0.1, 0.2)
"""What is chosen among, by the public code of Yan et al. 2018; of coordinates as wide as the frame."""
NUMBERS = 8
"""Of chance for one clip: angle, scale and two shifts at its first frame and at its last."""


def moved(joints: Tensor, chance: Tensor) -> Tensor:
    """joints: (S, B, T, V, 3), x, y in -0.5..0.5 about the middle and a score, which is 0 where a joint is missing:
    that one stays. chance: (S, B, NUMBERS) in 0..1. Returns joints turned about the middle, scaled and shifted, a
    little more from frame to frame. Source: thesis (seeds/003), section 5.2.1, "random moving"."""
    ends = chance.view(*chance.shape[:2], 2, 4)
    along = torch.linspace(0, 1, joints.shape[2], dtype=joints.dtype, device=joints.device)

    def between(number: int, choices: tuple[float, ...]) -> Tensor:
        known = torch.tensor(choices, dtype=joints.dtype, device=joints.device)
        first, last = known[(ends[..., number] * len(choices)).long().clamp_max(len(choices) - 1)].unbind(2)
        return (first[..., None] + (last - first)[..., None] * along)[..., None]

    angle, scale = between(0, DEGREES) * (math.pi / 180), between(1, SCALES)
    x, y, score = joints.unbind(4)
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    turned = cosine * x - sine * y, sine * x + cosine * y
    places = torch.stack([side + between(2 + at, SHIFTS) for at, side in enumerate(turned)], 4)
    known = (score > 0)[..., None]
    return torch.cat([torch.where(known, places, joints[..., :2]), score[..., None]], 4)
