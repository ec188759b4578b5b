"""The common feature space in which a student learns to be as its teachers.

Source: knowledge amalgamation (seeds/002), section 2.3, eq. 7 and 8. What the text leaves open, and we take: student
and teachers go through the shared extractor as one batch; ReLU after the convolution to C/N, without which what is
joined could be below 0, which it is said not to be; the decoder is a convolution of 1 x 1 for each teacher; both
losses are per image, whose mean over a batch is learned.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.convolution import Conv2d
from heads.blocks.map_layers import Residuals


def masked_loss(teacher: Tensor, made: Tensor) -> Tensor:
    """Eq. 7 and one addend of eq. 8: the mean square of the difference over the numbers where ``teacher`` is above 0.
    Both (B, c, h, w). Returns (B,), 0 where there is no such number."""
    mask = teacher > 0
    wrong = ((teacher - made) * mask).square().sum((1, 2, 3))
    return wrong / mask.sum((1, 2, 3)).clamp_min(1)


class CommonSpace(nn.Module):
    """Aligns, extracts, joins and decodes."""

    def __init__(
        self, student: int, teachers: Sequence[int], channels: int, blocks: int, draws: Sequence[torch.Generator]
    ) -> None:
        """student, teachers: channels of their maps; at least one teacher. channels: C, a multiple of how many
        teachers there are."""
        super().__init__()
        self.align = nn.ModuleList(Conv2d(width, channels, 1, draws) for width in (student, *teachers))
        self.extractor = Residuals(channels, blocks, draws)
        several = len(teachers) > 1
        self.reduce = Conv2d(channels, channels // len(teachers), 1, draws) if several else None
        self.decoders = nn.ModuleList(Conv2d(channels, width, 1, draws) for width in teachers)

    def forward(self, student: Tensor, teachers: Sequence[Tensor], seed: int) -> tuple[Tensor, Tensor]:
        """student, teachers: (B, c, h, w) each, of one h and w. Returns the two losses, (B,) each, of eq. 7 and 8."""
        aligned = [_alone(layer, x, seed) for layer, x in zip(self.align, (student, *teachers), strict=True)]
        mine, *theirs = self.extractor(torch.cat(aligned), seed).chunk(len(aligned))
        joined = torch.cat([self._reduced(x, seed) for x in theirs], 1)
        wrong = [masked_loss(x, _alone(layer, joined, seed)) for x, layer in zip(teachers, self.decoders, strict=True)]
        return masked_loss(joined, mine), torch.stack(wrong).sum(0)

    def _reduced(self, x: Tensor, seed: int) -> Tensor:
        return x if self.reduce is None else F.relu(self.reduce.alone(x, seed))


def _alone(layer: nn.Module, x: Tensor, seed: int) -> Tensor:
    assert isinstance(layer, Conv2d)
    return layer.alone(x, seed)
