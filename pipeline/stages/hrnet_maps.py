"""hrnet_maps: the feature maps of an HRNet at the end of its last stage, as a teacher for knowledge amalgamation.

The four resolutions are kept apart, a quarter to a 32nd of the input (``c4`` to ``c32``): HRNet-W32's at 512 x 512 are
1.9 MiB an image in float16; enlarged to a quarter and joined, as HRNetV2's heads take them, they would be 15 MiB of
the same values. They are compressed row by row, and one image's are read without the others'; with ``shard_images`` of
64 a shard is laid out in some 250 MB of memory. Each teacher is a feature of its own, with its own ``weights``.
Source: Knowledge amalgamation for single-shot CAER, sections 2.3 and 3.1: teachers and student are HRNet-W32 (widths C,
2C, 4C, 8C), images are resized to 512 x 512. It does not say which of the four it aligns; ``branches`` keeps those
wanted. The network is timm's, whose fuse layers enlarge by repeating pixels, as in classifiers and detectors; a
segmenter of mmsegmentation enlarges bilinearly and would get other values here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from cache.errors import unknown
from cache.spec import ArraySpec, Granularity
from pipeline.decoding import images
from pipeline.stage import Extracted, Failed, Photo, Precise, Stage, deploy, normalise
from pipeline.stages._hrnet import StridedSize

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Pixels = NDArray[np.uint8]
Branch = Literal["c4", "c8", "c16", "c32"]
BRANCHES: tuple[Branch, ...] = ("c4", "c8", "c16", "c32")
WIDTHS = {
    "hrnet_w18_small": 16,
    "hrnet_w18_small_v2": 18,
    "hrnet_w18": 18,
    "hrnet_w32": 32,
    "hrnet_w48": 48,
}
"""Channels at a quarter of the input."""
TRUNK = ("conv1", "bn1", "conv2", "bn2", "layer1", "transition1", "stage2", "transition2", "stage3", "transition3")
"""With stage4, what every HRNet begins with, whatever stands on it."""


class Extractor(Stage[Pixels]):
    """One item is an image, (h, w, 3) uint8 RGB, stretched to ``size``."""

    version = 2
    unit = granularity = Granularity.IMAGE

    class Config(Precise):
        """model: a name of WIDTHS. weights: by default timm's of ImageNet; ``file:<name>`` is a teacher of one's own,
        an HRNet of timm, of its authors or of OpenMMLab, whatever its head. size: (h, w), stretched. branches: kept.
        """

        model: str = "hrnet_w32"
        weights: str = ""
        size: StridedSize = (512, 512)
        branches: tuple[Branch, ...] = BRANCHES

        @model_validator(mode="before")
        @classmethod
        def _resolve(cls, values: Any) -> Any:
            """The default that hangs on another setting is written out, so that it is stored."""
            if not isinstance(values, dict):
                return values
            return {"weights": f"timm/{values.get('model', 'hrnet_w32')}.ms_in1k"} | values

        @field_validator("branches")
        @classmethod
        def _ordered(cls, branches: tuple[Branch, ...]) -> tuple[Branch, ...]:
            """In one order, so that the same branches have one fingerprint."""
            if not branches or len(set(branches)) != len(branches):
                raise ValueError("at least one branch, each once")
            return tuple(branch for branch in BRANCHES if branch in branches)

    config: Config

    def __init__(self, config: Config) -> None:
        if config.model not in WIDTHS:
            raise unknown("hrnet_maps model", config.model, WIDTHS)
        self.config = config
        self.batch_size = 8

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {branch: self._spec(BRANCHES.index(branch)) for branch in self.config.branches}

    def _spec(self, level: int) -> ArraySpec:
        height, width = self.config.size
        shape = (WIDTHS[self.config.model] << level, height >> level + 2, width >> level + 2)
        return ArraySpec(shape, "float16", "activation, not negative: channel, row, column", compressed=True)

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.weights,)

    def load(self, device: str, weights: Weights) -> None:
        import timm
        import torch

        from pipeline.networks.folding import fold

        network = timm.create_model(
            self.config.model, features_only=True, feature_location="", out_indices=(1, 2, 3, 4), pretrained=False
        )
        weights.load_into(self.config.weights, network, trunk)
        fold(network, lambda: network(torch.zeros(1, 3, 64, 64)))
        self.network: Any = deploy(network, device, self.config.precision)
        self.device = device

    def prepare(self, photo: Photo) -> list[Pixels | Failed]:
        return [images.resize(photo.image, self.config.size)]

    def run(self, items: Sequence[Pixels]) -> Extracted:
        import torch

        with torch.inference_mode():
            found = self.network(normalise(items, self.device, precision=self.config.precision))
            maps = dict(zip(BRANCHES, found, strict=True))
        return Extracted.ok({branch: maps[branch].float().cpu().numpy() for branch in self.config.branches})


def trunk(key: str) -> str | None:
    """The name in the network of a checkpoint's tensor; None for those of a head. OpenMMLab's begin with backbone."""
    key = key.removeprefix("backbone.")
    return key if key.partition(".")[0] in (*TRUNK, "stage4") else None
