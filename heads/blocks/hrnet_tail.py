"""An HRNet's last stage, with one set of weights per seed, trained on from a network's own: see ``heads.blocks.tail``.

It begins behind the third stage, whose three resolutions lie packed in one map, and gives the means of the four that
there are then, side by side. The network is timm's, whose fuse layers enlarge by repeating pixels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.convolution import Conv2d
from heads.blocks.layers import BatchNorm
from heads.blocks.tail import Block

PACKED = 28
"""Channels of the packed map, in those of the finest resolution, C: 16 places of it, 4 of 2 C, 1 of 4 C."""
STAGES = {PACKED * width: (width, *form) for width, form in ((16, (1, 2)), (18, (3, 4)), (32, (3, 4)), (48, (3, 4)))}
"""By the packed map's channels: C, how many modules the stage has, and how many residual blocks a branch of each.
HRNet-W18-small; W18, W32 and W48."""
RESOLUTIONS = 4


def _joined(inputs: int, outputs: int, kernel: int, draws: Sequence[torch.Generator]) -> list[nn.Module]:
    """A convolution, of 3 x 3 with stride 2, and its normalisation."""
    stride, padding = (2, 1) if kernel == 3 else (1, 0)
    return [Conv2d(inputs, outputs, kernel, draws, stride, padding, bias=False), BatchNorm(outputs, len(draws))]


class Basic(nn.Module):
    """Two convolutions of 3 x 3 with normalisations, the input added before the last ReLU. Names are timm's."""

    def __init__(self, width: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.conv1, self.bn1 = Conv2d(width, width, 3, draws, 1, 1, bias=False), BatchNorm(width, len(draws))
        self.conv2, self.bn2 = Conv2d(width, width, 3, draws, 1, 1, bias=False), BatchNorm(width, len(draws))

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, c, h, w), and so is what it returns."""
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + x)


class Exchange(nn.Module):
    """Residual blocks on each resolution, then each is the sum of all, made finer or coarser. Names are timm's."""

    def __init__(self, widths: Sequence[int], depth: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(Basic(width, draws) for _ in range(depth))) for width in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_moved(source, target, widths, draws) for source in range(len(widths)))
            for target in range(len(widths))
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """maps: (S, B, c, h, w) of each resolution, the finest first."""
        seen = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        return [F.relu(self._sum(target, layers, seen)) for target, layers in enumerate(self.fuse_layers)]

    def _sum(self, target: int, layers: Any, seen: Sequence[Tensor]) -> Tensor:
        total = torch.zeros_like(seen[target])
        for source, layer in enumerate(layers):
            part, times = layer(seen[source]), 2 ** max(0, source - target)
            total = total + part.repeat_interleave(times, 3).repeat_interleave(times, 4)
        return total


def _moved(source: int, target: int, widths: Sequence[int], draws: Sequence[torch.Generator]) -> nn.Module:
    """From one resolution to another; what becomes finer is enlarged by ``Exchange``."""
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(*_joined(widths[source], widths[target], 1, draws))
    last = [nn.Sequential(*_joined(widths[source], widths[target], 3, draws))]
    steps = [
        nn.Sequential(*_joined(widths[source], widths[source], 3, draws), nn.ReLU()) for _ in range(target - source - 1)
    ]
    return nn.Sequential(*steps, *last)


class HRNetTail(Block):
    """``transition3`` and ``stage4``. outputs: channels it gives, those of all resolutions.

    Source: Wang et al. 2020, Deep high-resolution representation learning for visual recognition, section 3.
    """

    def __init__(self, channels: int, draws: Sequence[torch.Generator], learn_statistics: bool = False) -> None:
        """channels: of the packed map. Raises: KeyError for others than in STAGES."""
        super().__init__()
        width, modules, depth = STAGES[channels]
        widths = [width << level for level in range(RESOLUTIONS)]
        self.width, self.depth, self.outputs, self.learn_statistics = width, modules, sum(widths), learn_statistics
        coarser = nn.Sequential(nn.Sequential(*_joined(widths[2], widths[3], 3, draws)))
        stage = nn.ModuleList(Exchange(widths, depth, draws) for _ in range(modules))
        self.blocks = nn.ModuleDict({"transition3": nn.ModuleDict({"3": coarser}), "stage4": stage})

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (S, B, 28 C, h, w), a 16th of the image. Returns (S, B, 15 C, h / 2, w / 2): of each resolution the
        mean over the places of a 32nd, whose mean over places is the resolution's."""
        return torch.cat([_coarse(x, 8 >> level) for level, x in enumerate(self.resolutions(maps))], 2)

    def resolutions(self, maps: Tensor) -> list[Tensor]:
        """maps: as of ``forward``. Returns (S, B, C, 4 h, 4 w), then of twice the channels and half the sides each."""
        parts = torch.split(maps, [16 * self.width, 8 * self.width, 4 * self.width], 2)
        seen = [F.pixel_shuffle(part, 4 >> level) for level, part in enumerate(parts)]
        seen.append(F.relu(self.blocks.get_submodule("transition3.3")(seen[2])))
        for number in range(self.depth):
            seen = self.blocks.get_submodule(f"stage4.{number}")(seen)
        return seen


def _coarse(x: Tensor, times: int) -> Tensor:
    made = F.avg_pool2d(x.flatten(0, 1), times)
    return made.view(*x.shape[:2], *made.shape[1:])
