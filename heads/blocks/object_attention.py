"""Attention of a person on the objects around them, by what they look like and where they are.

Source: relational region-level analysis (seeds/004), BOA, eq. 1 to 4 and section 4.2; what it leaves open is as in the
relation module that it builds on, Hu et al. 2018, Relation networks for object detection.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.layers import Linear

_NEAREST = 1e-3
"""Least distance, and least size, of a box in sizes of the person's, so that its logarithm is a number."""
_LEAST = 1e-6
"""Least geometry weight, for the same reason."""
_LONGEST = 10_000.0
"""Wave length of the slowest wave over that of the fastest."""


def placed(person: Tensor, boxes: Tensor) -> Tensor:
    """Where and how large objects are, seen from a person, (S, B, M, 4): logarithms of the distance of the top left
    corners over the person's size, in x and y, and of width over width, height over height.

    person: (S, B, 4), boxes: (S, B, M, 4), xyxy pixels; a person is taken as a pixel wide and high at least.
    Source: E's argument in eq. 4.
    """
    corner, size = person[..., None, :2], (person[..., None, 2:] - person[..., None, :2]).clamp_min(1)
    distance = (boxes[..., :2] - corner).abs() / size
    extent = (boxes[..., 2:] - boxes[..., :2]) / size
    return torch.cat([distance, extent], -1).clamp_min(_NEAREST).log()


def waves(x: Tensor, width: int) -> Tensor:
    """Each number as ``width`` / n sines and cosines of falling frequency, (..., width). x: (..., n).

    Source: Vaswani et al. 2017, section 3.5, which E of eq. 4 takes.
    """
    count = width // x.shape[-1] // 2
    steps = torch.arange(count, dtype=x.dtype, device=x.device) / count
    angles = x.unsqueeze(-1) * torch.pow(_LONGEST, -steps)
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)


class ObjectAttention(nn.Module):
    """S models of H heads: query of the person, keys of the objects, weights that sum to 1 over the objects.

    An offset of the keys would change all of a head's weights alike, so they have none. A key is never made: q . (W1 o)
    is (W1^T q) . o, whose arithmetic is that of H vectors a person, where that of keys is of H times M.
    """

    def __init__(
        self, person: int, objects: int, heads: int, key: int, geometry: int, draws: Sequence[torch.Generator]
    ) -> None:
        """person, objects: widths of what is seen of them. heads: H. key: d_m of eq. 3, of each head. geometry: width
        of E in eq. 4, 0 for none."""
        super().__init__()
        self.heads, self.key, self.geometry = heads, key, geometry
        self.query = Linear(person, heads * key, draws)
        bound = 1 / math.sqrt(objects)
        drawn = [torch.empty(heads, key, objects).uniform_(-bound, bound, generator=draw) for draw in draws]
        self.keys = nn.Parameter(torch.stack(drawn))
        self.place = Linear(geometry, heads, draws) if geometry else None

    def weights(self, person: Tensor, objects: Tensor, there: Tensor, where: Tensor | None = None) -> Tensor:
        """w of eq. 2, (S, B, H, M); 0 for every object that is not there, so all of them where none is.

        person: (S, B, d). objects: (S, B, M, k). there: (S, B, M) bool. where: ``placed``, (S, B, M, 4), where there is
        a geometry. The seeds' objects may be one memory: they are not copied.
        """
        seeds, batch, _ = person.shape
        asked = self.query(person).view(seeds, batch, self.heads, self.key).transpose(1, 2).flatten(0, 1)
        asked = torch.bmm(asked, self.keys.flatten(0, 1)).view(seeds, self.heads, batch, -1).transpose(1, 2)
        logits = likeness(asked, objects) / math.sqrt(self.key)
        if self.place is not None:
            assert where is not None
            flat = waves(where, self.geometry).flatten(1, 2)
            near = F.relu(self.place(flat)).clamp_min(_LEAST).log()
            logits = logits + near.view(seeds, batch, -1, self.heads).mT
        there = there.unsqueeze(2)
        return logits.masked_fill(~there, torch.finfo(logits.dtype).min).softmax(-1) * there


def even(there: Tensor, like: Tensor) -> Tensor:
    """Equal weights, (S, B, 1, M), of the dtype of ``like``. there: (S, B, M) bool. Source: section 4.3, "without
    BOA"."""
    kept = there.unsqueeze(2).to(like.dtype)
    return kept / kept.sum(-1, keepdim=True).clamp_min(1)


def likeness(asked: Tensor, objects: Tensor) -> Tensor:
    """``asked`` times each object, (S, B, H, M). asked: (S, B, H, k), objects: (S, B, M, k).

    Seed by seed, here and in ``weighed``: where seeds look at the same memory, one call would copy it for each.
    """
    return torch.stack([_Likeness.apply(*each) for each in zip(asked, objects, strict=True)])  # type: ignore[no-untyped-call]


def weighed(weights: Tensor, objects: Tensor) -> Tensor:
    """The sum of the objects by each head's weights, (S, B, H, k). weights: (S, B, H, M), objects: (S, B, M, k)."""
    return torch.stack([_Weighed.apply(*each) for each in zip(weights, objects, strict=True)])  # type: ignore[no-untyped-call]


class _Likeness(torch.autograd.Function):
    """``bmm(asked, objects.mT)`` with the objects at the left of the product, which is 2.5 times as fast, and a
    gradient that lies as ``asked`` does."""

    @staticmethod
    def forward(ctx: Any, asked: Tensor, objects: Tensor) -> Tensor:
        ctx.save_for_backward(asked, objects)
        return torch.bmm(objects, asked.mT).mT

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (asked, objects), needed = ctx.saved_tensors, ctx.needs_input_grad
        return torch.bmm(grad, objects) if needed[0] else None, torch.bmm(grad.mT, asked) if needed[1] else None


class _Weighed(torch.autograd.Function):
    """``bmm(weights, objects)``, and its gradient as ``_Likeness`` multiplies."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, objects: Tensor) -> Tensor:
        ctx.save_for_backward(weights, objects)
        return torch.bmm(weights, objects)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (weights, objects), needed = ctx.saved_tensors, ctx.needs_input_grad
        return torch.bmm(objects, grad.mT).mT if needed[0] else None, torch.bmm(weights.mT, grad) if needed[1] else None
