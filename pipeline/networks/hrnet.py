"""HRNets of timm as what gives their four maps, and the demo's narrow one, which OpenMMLab's segmenter stands on."""

from __future__ import annotations

from typing import Any

DEMO = "demo_hr8"
_NARROW = (8, 16, 32, 64)


def build(model: str) -> Any:
    """A network from (n, 3, h, w) to its last stage's maps, at a quarter to a 32nd; its values are not trained.

    model: a name of timm's, or DEMO, whose fuse layers enlarge bilinearly, as mmsegmentation's do.
    """
    if model == DEMO:
        return _narrow()
    import timm

    return timm.create_model(model, features_only=True, feature_location="", out_indices=(1, 2, 3, 4), pretrained=False)


def _narrow() -> Any:
    """As ``openmmlab.build_segmentor`` has it: one module and one block everywhere."""
    from timm.models.hrnet import HighResolutionNetFeatures
    from torch import nn

    config: dict[str, Any] = {"stem_width": 64, "stage1": _stage(1, "BOTTLENECK", (32,))}
    config |= {f"stage{branches}": _stage(branches, "BASIC", _NARROW[:branches]) for branches in (2, 3, 4)}
    network: Any = HighResolutionNetFeatures(config, feature_location="", out_indices=(1, 2, 3, 4))  # type: ignore[no-untyped-call]
    for module in network.modules():
        if isinstance(module, nn.Upsample):
            module.mode, module.align_corners = "bilinear", False
    return network


def _stage(branches: int, block: str, channels: tuple[int, ...]) -> dict[str, Any]:
    blocks = (1,) * branches
    of = {"num_modules": 1, "num_branches": branches, "block_type": block, "fuse_method": "SUM"}
    return of | {"num_blocks": blocks, "num_channels": channels}
