"""The attention branch against plain torch modules, one seed at a time."""

import torch
from torch import Tensor, nn

from heads.blocks.attention_branch import AttentionBranch
from heads.blocks.layers import generators

SEEDS = (0, 5)


def reference(block: AttentionBranch, seed: int, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fukui et al.'s branch, written with torch's own modules and filled with the weights of ``seed``."""
    classes, channels = block.first.weight.shape[1:3]
    first, norm = nn.Conv2d(channels, classes, 1, bias=False).double(), nn.BatchNorm2d(classes).double()
    own = nn.Conv2d(classes, classes, 1).double()
    one, one_norm = nn.Conv2d(classes, 1, 1, bias=False).double(), nn.BatchNorm2d(1).double()
    with torch.no_grad():
        first.weight.copy_(block.first.weight[seed])
        own.weight.copy_(block.classifier.weight[seed])
        own.bias.copy_(block.classifier.bias[seed])
        one.weight.copy_(block.attention.weight[seed])
    seen = norm(first(maps)).clamp_min(0)
    attention = torch.sigmoid(one_norm(one(seen)))
    weighted = maps + attention * maps
    size = maps.shape[2] * maps.shape[3]
    return weighted.sum((2, 3)) / size, own(seen).sum((2, 3)) / size, attention[:, 0]


def test_pooled_vectors_logits_and_maps_are_those_of_each_seed() -> None:
    block = AttentionBranch(6, 4, generators(SEEDS)).double()
    maps = torch.randn(2, 5, 6, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    made = block(maps)
    assert made.map.shape == (2, 5, 3, 2)
    for number in range(2):
        expected = reference(block, number, maps[number])
        for ours, theirs in zip((made.pooled, made.logits, made.map), expected, strict=True):
            torch.testing.assert_close(ours[number], theirs)
