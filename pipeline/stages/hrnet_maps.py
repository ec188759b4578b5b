"""hrnet_maps: the feature maps of an HRNet at the end of its last stage, as a teacher for knowledge amalgamation.

The four resolutions are kept apart, a quarter to a 32nd of the input (``c4`` to ``c32``): HRNet-W32's at 512 x 512 are
1.9 MiB an image in float16; enlarged to a quarter and joined, as HRNetV2's heads take them, they would be 15 MiB of
the same values. They are compressed row by row, and one image's are read without the others'; with ``shard_images`` of
64 a shard is laid out in some 250 MB of memory. Each teacher is a feature of its own, with its own ``weights``.
Smaller, and told as what they are: ``branches`` keeps some of them, ``largest`` no more than so many pixels, the means
of blocks of them. ``compressed = false`` reads faster (bench/amalgamation.json).
Source: Knowledge amalgamation for single-shot CAER, sections 2.3 and 3.1: teachers and student are HRNet-W32 (widths C,
2C, 4C, 8C), images are resized to 512 x 512. It does not say which of the four it aligns; ``branches`` keeps those
wanted. The network is timm's, whose fuse layers enlarge by repeating pixels, as in classifiers and detectors; a
segmenter of mmsegmentation enlarges bilinearly and would get other values here.

``cut = "stage3"`` keeps, in place of them, what the last stage begins with, and beside the rows that stage's own
weights, so that a head can train it on; and ``pooled``, the means of the four maps at its end. Its three resolutions
are one array, each place of a 16th with the finer ones' 16 and 4 places as channels (28 C; of HRNet-W32 at 256 x 256,
0.46 MB an image).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from cache.errors import ConfigError, unknown
from cache.spec import ArraySpec, Granularity
from pipeline.decoding import images
from pipeline.stage import IMAGENET_MEAN, IMAGENET_STD, Extracted, Failed, Photo, Precise, Stage, deploy, normalise
from pipeline.stages import _strides as strides
from pipeline.stages._hrnet import StridedSize
from pipeline.stages._strides import BRANCHES, Branch, Branches, Largest
from pipeline.weights.colours import Colours

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Pixels = NDArray[np.uint8]
WIDTHS = {
    "demo_hr8": 8,
    "hrnet_w18_small": 16,
    "hrnet_w18_small_v2": 18,
    "hrnet_w18": 18,
    "hrnet_w32": 32,
    "hrnet_w48": 48,
}
"""Channels at a quarter of the input."""
TRUNK = ("conv1", "bn1", "conv2", "bn2", "layer1", "transition1", "stage2", "transition2", "stage3", "transition3")
"""With stage4, what every HRNet begins with, whatever stands on it."""
LAST, CUT = "stage4", ("hrnet_w18_small", "hrnet_w18", "hrnet_w32", "hrnet_w48")
"""The block after the cut, and the networks that heads can build it of."""
PARTS = ("transition3.", "stage4.")


class Extractor(Stage[Pixels]):
    """One item is an image, (h, w, 3) uint8 RGB, stretched to ``size``."""

    version = 2
    unit = granularity = Granularity.IMAGE

    class Config(Precise):
        """cut: see above. model: a name of WIDTHS. weights: by default timm's of ImageNet; ``file:<name>`` is a teacher
        of one's own, an HRNet of timm, of its authors or of OpenMMLab, whatever its head. size: (h, w), stretched.
        branches: kept. largest: (h, w) that a map is reduced to at most. compressed: row by row."""

        model: str = "hrnet_w32"
        weights: str = ""
        size: StridedSize = (512, 512)
        branches: Branches = BRANCHES
        largest: Largest = None
        compressed: bool = True
        cut: Literal["", "stage3"] = ""

        @model_serializer(mode="wrap")
        def _stored(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
            """That a network is not cut is not named, as it was before; nor are branches of which none is kept, nor how
            maps are kept where they are kept as they were before."""
            out: dict[str, Any] = handler(self)
            del out["branches" if self.cut else "cut"]
            for name in ("largest", "compressed"):
                if getattr(self, name) == type(self).model_fields[name].default:
                    del out[name]
            return out

        @model_validator(mode="before")
        @classmethod
        def _resolve(cls, values: Any) -> Any:
            """The default that hangs on another setting is written out, so that it is stored."""
            if not isinstance(values, dict):
                return values
            model = values.get("model", "hrnet_w32")
            return {"weights": model if model == "demo_hr8" else f"timm/{model}.ms_in1k"} | values

    config: Config

    def __init__(self, config: Config) -> None:
        if config.model not in WIDTHS:
            raise unknown("hrnet_maps model", config.model, WIDTHS)
        if config.cut and config.model not in CUT:
            raise ConfigError(f"hrnet_maps: cut = {config.cut!r} is for {', '.join(CUT)}, not {config.model}")
        if config.cut and (config.branches != BRANCHES or config.largest or not config.compressed):
            raise ConfigError(
                "hrnet_maps: branches are not kept where the network is cut: leave them, largest and compressed out"
            )
        self.config = config
        _ = self.outputs  # settings that fit no map are told now
        self.batch_size = 8
        self.block = (LAST, self._block) if config.cut else None

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        if self.config.cut:
            (height, width), finest = self.config.size, WIDTHS[self.config.model]
            packed = (28 * finest, height // 16, width // 16)
            return {
                "pooled": ArraySpec((15 * finest,), "float16", "activation"),
                self.config.cut: ArraySpec(packed, "float16", "activation before the last stage: channel, row, column"),
            }
        return {branch: self._spec(branch) for branch in self.config.branches}

    def _spec(self, branch: Branch) -> ArraySpec:
        step = strides.stride(branch)
        shape = (WIDTHS[self.config.model] * step // 4, *(side // step for side in self.config.size))
        return strides.spec(shape, self.config.largest, self.config.compressed, "activation, not negative")

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.weights,)

    def _built(self, weights: Weights) -> Any:
        from pipeline.networks.hrnet import build

        network = build(self.config.model)
        weights.load_into(self.config.weights, network, trunk, colours=Colours(IMAGENET_MEAN, IMAGENET_STD))
        return network

    def _block(self, weights: Weights) -> bytes:
        from safetensors.torch import save

        state = self._built(weights).state_dict()
        return save({name: x for name, x in state.items() if name.startswith(PARTS)})

    def load(self, device: str, weights: Weights) -> None:
        import torch

        from pipeline.networks.folding import fold

        network = self._built(weights)
        self.caught = threading.local()
        if self.config.cut:
            network.stage3.register_forward_hook(self._catch)
        fold(network, lambda: network(torch.zeros(1, 3, 64, 64)))
        self.network: Any = deploy(network, device, self.config.precision)
        self.device = device

    def prepare(self, photo: Photo) -> list[Pixels | Failed]:
        return [images.resize(photo.image, self.config.size)]

    def run(self, items: Sequence[Pixels]) -> Extracted:
        import torch

        with torch.inference_mode():
            found = self.network(normalise(items, self.device, precision=self.config.precision))
            if self.config.cut:
                return Extracted.ok(self._cut(found))
            maps = dict(zip(BRANCHES, found, strict=True))
            wanted = strides.means({branch: maps[branch] for branch in self.config.branches}, self.config.largest)
        return Extracted.ok({branch: one.cpu().numpy() for branch, one in wanted.items()})

    def _catch(self, _module: Any, _inputs: Any, output: list[Any]) -> None:
        """A forward hook: keeps what the third stage gives; several threads may run the network at once."""
        self.caught.maps = output

    def _cut(self, last: Sequence[Any]) -> dict[str, NDArray[Any]]:
        import torch
        from torch.nn import functional

        before = self.caught.__dict__.pop("maps")
        packed = torch.cat([functional.pixel_unshuffle(x, 4 >> level) for level, x in enumerate(before)], 1)
        pooled = torch.cat([x.mean((2, 3)) for x in last], 1)
        found = {"pooled": pooled, self.config.cut: packed}
        return {name: x.float().contiguous().cpu().numpy() for name, x in found.items()}


def trunk(key: str) -> str | None:
    """The name in the network of a checkpoint's tensor; None for those of a head. OpenMMLab's begin with backbone."""
    key = key.removeprefix("backbone.")
    return key if key.partition(".")[0] in (*TRUNK, "stage4") else None
