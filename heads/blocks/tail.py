"""A ResNet's last block, with one set of weights per seed, trained on from a network's own.

The normalisations keep the network's running statistics, whatever a batch holds, unless they are to learn: with a batch
of a few people the trained ones are better ("partial BN"), and a cache has no other views of them.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.convolution import Conv2d
from heads.blocks.layers import BatchNorm

DEPTHS = {256: (2, 1), 1024: (3, 4)}
"""By the channels before it: how many residual blocks, and how many times a block's own width it gives. ResNet-18;
ResNet-50, 101 and 152."""
NETWORKS = {"": DEPTHS, "resnet34": {**DEPTHS, 256: (3, 1)}}
"""ResNet-34 has ResNet-18's channels and more blocks, so that it must be named."""
WIDTH = 512
_TENSORS = {"weight": "weight", "bias": "bias", "running_mean": "mean", "running_var": "variance"}
"""Of torch's normalisation, and ours."""


class Residual(nn.Module):
    """Convolutions with normalisations, ReLU between them, and the block's input added before the last ReLU.

    As torchvision's BasicBlock (two of 3 x 3) or, with ``expansion`` 4, Bottleneck (1 x 1, 3 x 3 with the stride, 1 x
    1). Names of parts are torchvision's.
    """

    def __init__(self, inputs: int, expansion: int, stride: int, draws: Sequence[torch.Generator]) -> None:
        super().__init__()
        outputs, seeds = WIDTH * expansion, len(draws)
        kernels = [(3, stride), (3, 1)] if expansion == 1 else [(1, 1), (3, stride), (1, 1)]
        self.depth, width = len(kernels), inputs
        for number, (kernel, step) in enumerate(kernels, 1):
            wide = outputs if number == len(kernels) else WIDTH
            convolution = Conv2d(width, wide, kernel, draws, step, kernel // 2, bias=False)
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"bn{number}", BatchNorm(wide, seeds))
            width = wide
        self.downsample: nn.Sequential | None = None
        if stride > 1 or inputs != outputs:
            short = Conv2d(inputs, outputs, 1, draws, stride, bias=False)
            self.downsample = nn.Sequential(short, BatchNorm(outputs, seeds))

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, c, h, w). Returns (S, B, c', h', w')."""
        out = x
        for number in range(1, self.depth + 1):
            out = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(out))
            if number < self.depth:
                out = F.relu(out)
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class Block(nn.Module):
    """A network's last block, ``blocks``, that starts from its weights. outputs: channels it gives. learn_statistics:
    see above."""

    outputs: int
    learn_statistics: bool
    blocks: nn.Module

    def train(self, mode: bool = True) -> "Block":
        """As torch's, but statistics that are not to learn stay as they are."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, BatchNorm):
                module.train(mode and self.learn_statistics)
        return self

    @torch.no_grad()
    def fill(self, tensors: Mapping[str, Tensor]) -> None:
        """Start every seed from a network's weights. tensors: by the network's names of them.

        Raises: ValueError when they are another block's.
        """
        named = {_ours(name): x for name, x in tensors.items() if not name.endswith("num_batches_tracked")}
        own = self.blocks.state_dict()
        if {name: x.shape[1:] for name, x in own.items()} != {name: x.shape for name, x in named.items()}:
            odd = sorted(named.keys() ^ own.keys()) or [
                name for name in own if own[name].shape[1:] != named[name].shape
            ]
            raise ValueError(f"the weights are those of another block: {odd[0]}")
        for name, x in own.items():
            x.copy_(named[name].expand_as(x))


class Tail(Block):
    """``layer4`` of a ResNet. outputs: channels it gives. learn_statistics: see above.

    Source: He et al. 2016, Deep residual learning, table 1; torchvision's form of it (the stride on the 3 x 3).
    """

    def __init__(
        self, channels: int, draws: Sequence[torch.Generator], learn_statistics: bool = False, network: str = ""
    ) -> None:
        """channels: of the maps before it. network: one of NETWORKS. Raises: KeyError for others than in DEPTHS."""
        super().__init__()
        depth, expansion = NETWORKS[network][channels]
        self.outputs, self.learn_statistics = WIDTH * expansion, learn_statistics
        widths = [channels, *[self.outputs] * (depth - 1)]
        self.blocks = nn.Sequential(
            *(Residual(width, expansion, 1 if place else 2, draws) for place, width in enumerate(widths))
        )

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (S, B, c, h, w). Returns (S, B, outputs, h', w'), whose mean over places is the pooled vector."""
        made: Tensor = self.blocks(maps)
        return made


def _ours(name: str) -> str:
    path, _, tensor = name.rpartition(".")
    return f"{path}.{_TENSORS.get(tensor, tensor)}"
