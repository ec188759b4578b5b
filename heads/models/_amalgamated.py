"""The networks of ``amalgamated``: neck, emotion head, detection head, common feature space, seed by seed, since seeds
share nothing but the maps that they read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.common_space import CommonSpace
from heads.blocks.detection import RARE
from heads.blocks.layers import generators
from heads.blocks.map_layers import MapHead, MapOutput, Normed, Residuals, resized

DETECTED = 3
"""Maps of the detection head: heat, width, height."""
REPRODUCED = ("feature", "reconstruction")
"""The terms that need no target."""


class Seen(NamedTuple):
    """What is made of images. emotions: (S, B, E, h, w). detected: (S, B, DETECTED, h, w), None without detection.
    reproduced: (S, B, 2), the terms of REPRODUCED, None without teachers."""

    emotions: Tensor
    detected: Tensor | None
    reproduced: Tensor | None


class Networks(nn.Module):
    """sides: height and width of all maps that are worked on. trunk, teachers: channels of the maps that come in."""

    def __init__(
        self,
        config: Any,
        trunk: Sequence[int],
        teachers: Sequence[int],
        emotions: int,
        sides: tuple[int, int],
        seeds: Sequence[int],
    ) -> None:
        super().__init__()
        draws, width = generators(seeds), config.width
        self.config, self.teachers, self.emotions, self.sides = config, teachers, emotions, sides
        self.entries = nn.ModuleList(Normed(channels, width, 1, draws) for channels in trunk)
        self.neck = Residuals(width, config.neck_blocks, draws)
        self.emotion = MapHead(width, config.blocks, (emotions,), draws)
        self.detection = _detection(width, config.blocks, draws) if config.detection else None
        form = (config.common, config.extractor_blocks)
        self.space = CommonSpace(width, teachers, *form, draws) if teachers else None

    def forward(self, trunk: Sequence[Tensor], teachers: Sequence[Tensor], turned: Tensor | None) -> Seen:
        """trunk, teachers: (S, B, c, h, w) each, of any h and w; without teachers nothing is reproduced. turned: (S, B)
        True for the images that are turned left to right."""
        every = [
            self._of(
                [x[seed] for x in trunk], [x[seed] for x in teachers], None if turned is None else turned[seed], seed
            )
            for seed in range(len(trunk[0]))
        ]
        emotions, detected, reproduced = zip(*every, strict=True)
        return Seen(torch.stack(emotions), _stacked(detected), _stacked(reproduced))

    def _of(
        self, trunk: Sequence[Tensor], teachers: Sequence[Tensor], turned: Tensor | None, seed: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The fields of Seen of one seed."""
        student = self.neck(F.relu_(_turned(self._entered(trunk, seed), turned)), seed)
        detected = None if self.detection is None else self.detection(student, seed)
        emotions = self.emotion(student, seed)
        if self.space is None or not teachers:
            return emotions, detected, None
        theirs = [_turned(_wide(resized(x, *self.sides)), turned) for x in teachers]
        return emotions, detected, torch.stack(self.space(student, theirs, seed), 1)

    def _entered(self, trunk: Sequence[Tensor], seed: int) -> Tensor:
        """The sum of all maps, each by a convolution of 1 x 1 with batch normalisation: before it where a map is to
        become coarser, which gives the same as after it and costs less."""
        total = None
        for x, entry in zip(trunk, self.entries, strict=True):
            height, width = (min(pair) for pair in zip(x.shape[-2:], self.sides, strict=True))
            part = resized(entry(_wide(resized(x, height, width)), seed), *self.sides)
            total = part if total is None else total + part
        assert total is not None
        return total

    def held(self, batch: int) -> int:
        """See ``Head.held``: of each convolution its input and its output, and a few maps more."""
        config = self.config
        convolutions = 2 * config.neck_blocks + (2 * config.blocks + 1)
        convolutions += 2 * config.blocks + 2 if self.detection is not None else 0
        numbers = 2 * config.width * (convolutions + 2) + 4 * (self.emotions + DETECTED)
        if self.teachers:
            numbers += (1 + len(self.teachers)) * config.common * (4 * config.extractor_blocks + 2)
            numbers += 2 * sum(self.teachers)
        numbers *= batch * self.sides[0] * self.sides[1]
        return int(numbers) * next(self.parameters()).element_size()

    def packed(self, turned: Tensor, seen: Seen) -> Tensor:
        """(S, B, n): everything side by side."""
        parts = [turned[..., None].to(seen.emotions.dtype), seen.emotions.flatten(2)]
        parts += [] if seen.detected is None else [seen.detected.flatten(2)]
        return torch.cat([*parts, *([] if seen.reproduced is None else [seen.reproduced])], 2)

    def unpacked(self, aside: Tensor) -> tuple[Tensor, Seen]:
        """What ``packed`` was given."""
        places = self.sides[0] * self.sides[1]
        detected = DETECTED * places if self.detection is not None else 0
        sizes = [1, self.emotions * places, detected, len(REPRODUCED) if self.space is not None else 0]
        turned, emotions, found, reproduced = torch.split(aside, sizes, 2)
        maps = [x.reshape(*x.shape[:2], -1, *self.sides) for x in (emotions, found)]
        parts = [x if x.shape[2] else None for x in (maps[1], reproduced)]
        return turned[..., 0] > 0, Seen(maps[0], *parts)


def shape_of(name: str, row: Any) -> tuple[int, int, int]:
    """Of a row of an input. Raises: ValueError where it is no maps."""
    if not isinstance(row, tuple) or len(row) != 3:
        raise ValueError(f"{name}: a row is {row}; this head takes maps, (c, h, w)")
    return row


def finest(shapes: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    """Height and width of the maps with the most places."""
    _, height, width = max(shapes, key=lambda shape: shape[1] * shape[2])
    return height, width


def _detection(width: int, blocks: int, draws: Sequence[torch.Generator]) -> MapHead:
    made = MapHead(width, blocks, (1, 2), draws)
    heat = made.outputs[0]
    assert isinstance(heat, MapOutput)
    assert heat.last.bias is not None
    nn.init.constant_(heat.last.bias, RARE)
    return made


def _stacked(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.stack(known) if known else None


def _wide(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _turned(x: Tensor, turned: Tensor | None) -> Tensor:
    """Those of (B, c, h, w) turned left to right that are to be."""
    return x if turned is None else torch.where(turned[:, None, None, None], x.flip(3), x)
