"""The maps that a network of ``backbone`` makes on its way, at a quarter, an eighth, a 16th and a 32nd of its input.

Of timm's networks they are what timm names its features; of torchvision's, what the last of the outermost blocks at
each stride gives.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from cache.errors import ConfigError
from pipeline.stages._backbone_table import LITE0, Network, Size
from pipeline.stages._strides import BRANCHES, Branch, stride

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.weights.folder import Weights

Shape = tuple[int, ...]
_BASIC, _BOTTLENECK = (64, 128, 256, 512), (256, 512, 1024, 2048)
CHANNELS = {
    "resnet18": _BASIC,
    "resnet34": _BASIC,
    "resnet50": _BOTTLENECK,
    "resnet101": _BOTTLENECK,
    "resnet152": _BOTTLENECK,
    "shufflenet_v2_x0_5": (24, 48, 96, 1024),
    LITE0: (24, 40, 112, 320),
}
"""Of the four maps, where that is known without building the network. A side is rounded up."""
_PROBE = 128
_INNER = ("features", "layers", "trunk_output")
"""Modules of torchvision whose children are the network's blocks."""


def shapes(model: str, known: Network, size: Size) -> dict[Branch, Shape]:
    """(c, h, w) of each map for inputs of ``size``. Raises: ConfigError when the network has none at some stride."""
    if model in CHANNELS:
        return {
            branch: (channels, *(-(-side // stride(branch)) for side in size))
            for branch, channels in zip(BRANCHES, CHANNELS[model], strict=True)
        }
    return _measured(model, known.size, size)


@cache
def _measured(model: str, native: Size, size: Size) -> dict[Branch, Shape]:
    import torch

    network = build(model, native, size)
    with torch.inference_mode():
        network.backbone.eval()
        network.backbone.fit()
        try:
            _, maps = network(torch.zeros(1, 3, *size))
        except (AssertionError, ValueError, RuntimeError) as error:
            raise network.backbone.refuse(" ".join(str(error).split())[:200] or type(error).__name__) from None
    return {branch: tuple(maps[branch].shape[1:]) for branch in BRANCHES}


class Strided:
    """A ``Backbone`` called for its pooled vector and its four maps (n, c, h, w). Several threads may call it."""

    def __init__(self, backbone: Any, model: str) -> None:
        """Raises: ConfigError when the network has no maps at the four strides."""
        self.backbone = backbone
        self.last = getattr(backbone.network, "output_fmt", "NCHW") == "NHWC"
        self.caught = threading.local()
        for branch, name in _blocks(backbone, model).items():
            backbone.network.get_submodule(name).register_forward_hook(self._catching(branch))

    def _catching(self, branch: Branch) -> Any:
        def catch(_module: Any, _inputs: Any, output: Tensor) -> None:
            vars(self.caught)[branch] = output.clone()  # DenseNet's next layer overwrites it

        return catch

    def load(self, weights: Weights, name: str) -> None:
        """As ``Backbone.load``."""
        self.backbone.load(weights, name)

    def __call__(self, batch: Tensor) -> tuple[Tensor, dict[Branch, Tensor]]:
        pooled, _ = self.backbone(batch)
        maps = {branch: vars(self.caught).pop(branch) for branch in BRANCHES}
        return pooled, {branch: one.permute(0, 3, 1, 2) if self.last else one for branch, one in maps.items()}


def build(model: str, native: Size, size: Size) -> Strided:
    """As ``_backbone_networks.build``, with the four maps."""
    from pipeline.stages import _backbone_networks as networks

    return Strided(networks.build(model, native, size, False), model)


def _blocks(backbone: Any, model: str) -> dict[Branch, str]:
    """The module whose output is the map, of each branch."""
    told = getattr(backbone.network, "feature_info", None)
    inside = dict(backbone.network.named_modules())
    named = {f"c{one['reduction']}": str(one["module"]) for one in told} if isinstance(told, Sequence) else {}
    found = {branch: name for branch, name in (named or _run(backbone)).items() if name in inside}
    if any(branch not in found for branch in BRANCHES):
        have = ", ".join(found) or "none"
        cure = "the stage hrnet_maps keeps an HRNet's" if "hrnet" in model else "take another network"
        raise ConfigError(
            f"backbone: maps = 'strides' takes maps at a 4th, 8th, 16th and 32nd of the input, {', '.join(BRANCHES)}; "
            f"{model} has {have}: {cure}"
        )
    return {branch: found[branch] for branch in BRANCHES}


def _run(backbone: Any) -> dict[str, str]:
    """By branch, the last module that gave a map of its size for a small input; {} when that cannot be run."""
    import torch

    found: dict[str, str] = {}
    hooks = []
    sides: dict[tuple[int, ...], str] = {(_PROBE // stride(branch),) * 2: branch for branch in BRANCHES}

    def noting(name: str) -> Any:
        def note(_module: Any, _inputs: Any, output: Any) -> None:
            if torch.is_tensor(output) and output.dim() == 4 and (side := tuple(output.shape[2:])) in sides:
                found[sides[side]] = name

        return note

    children = dict(backbone.network.named_children())
    inner = {f"{name}.{below}": block for name in _INNER if name in children
             for below, block in children[name].named_children()}  # fmt: skip
    training = backbone.training
    for name, module in (children | inner).items():
        if name not in _INNER:
            hooks.append(module.register_forward_hook(noting(name)))
    try:
        with torch.inference_mode():
            backbone.eval()(torch.zeros(1, 3, _PROBE, _PROBE))
    except (AssertionError, ValueError, RuntimeError):
        found.clear()
    finally:
        backbone.train(training)
        for hook in hooks:
            hook.remove()
    return found
