"""depth: how near each part of an image is, as one network guesses it from that image alone.

The image is prepared as transformers does it for this network: bicubic, aspect kept, one side ``size`` (the one that is
then scaled less), both multiples of 14. ``aspect = "stretch"`` makes it a square instead, so that all images share a
batch. The map covers the whole image either way. Needs the extra ``depth``.
Source: Yang et al. 2024, Depth Anything V2, by way of transformers. The papers take MegaDepth (thesis, chapter 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cache.errors import ConfigError
from cache.spec import ArraySpec, Granularity
from pipeline.decoding import images
from pipeline.stage import Extracted, Failed, Photo, Precise, Stage, deploy, normalise
from pipeline.weights.folder import UNTRAINED

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Pixels = NDArray[np.uint8]
MAP = 56
PATCH = 14
LONGEST = 4
"""Times ``size``: a longer side is squeezed to it, or the patches of a strip would be too many to attend to."""
RENAMED = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
}
"""Names in the published file, and what transformers calls them since version 5."""


class Extractor(Stage[Pixels]):
    """One item is a whole image, resized; one row its map. Images of one size go through the network together."""

    version = 1
    unit = granularity = Granularity.IMAGE

    class Config(Precise):
        """model: Depth Anything V2 comes in three sizes, of which only the small one is free for any use.

        weights: of pipeline/weights/. size: pixels, a multiple of 14; less is quicker and coarser. aspect: see above.
        """

        model: Literal["depth_anything_v2_small"] = "depth_anything_v2_small"
        weights: str = "depth_anything_v2_small"
        size: int = Field(default=518, ge=2 * PATCH, multiple_of=PATCH)
        aspect: Literal["keep", "stretch"] = "keep"

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 8

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        unit = "inverse depth: greater is nearer; scale and offset are the image's own"
        return {"map": ArraySpec((MAP, MAP), "float16", unit)}

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.weights,)

    def load(self, device: str, weights: Weights) -> None:
        network = build()
        fill(network, weights, self.config.weights)
        import torch

        project_first(network)
        self.network: Any = deploy(network, device, self.config.precision)
        if device == "cpu":
            end_in_strips(network)
        if device == "cpu" and self.config.precision == "float32":
            from pipeline.networks.products import pack

            pack(network, lambda: network(torch.zeros(1, 3, 2 * PATCH, 2 * PATCH)))
        self.device = device

    def prepare(self, photo: Photo) -> list[Pixels | Failed]:
        size = (self.config.size,) * 2
        if self.config.aspect == "keep":
            size = kept_aspect(*photo.image.size, self.config.size)
        return [images.resize(photo.image, size, interpolation="bicubic")]

    def run(self, items: Sequence[Pixels]) -> Extracted:
        import torch
        from torch.nn import functional as F

        maps = np.empty((len(items), MAP, MAP), np.float32)
        with torch.inference_mode():
            for size in dict.fromkeys(item.shape for item in items):
                rows = [row for row, item in enumerate(items) if item.shape == size]
                batch = normalise([items[row] for row in rows], self.device, precision=self.config.precision)
                depth = self.network(batch).predicted_depth
                maps[rows] = F.adaptive_avg_pool2d(depth.float(), MAP).cpu().numpy()
        return Extracted.ok({"map": maps})


def kept_aspect(width: int, height: int, size: int) -> tuple[int, int]:
    """(h, w) in whole patches: the side that reaches ``size`` with less scaling sets the scale; ends at LONGEST.

    Source: transformers, DPTImageProcessor with keep_aspect_ratio and ensure_multiple_of, but for LONGEST.
    """
    by_width, by_height = size / width, size / height
    scale = by_width if abs(1 - by_width) < abs(1 - by_height) else by_height
    patches = (round(scale * side / PATCH) for side in (height, width))
    high, wide = (min(max(count, 1) * PATCH, LONGEST * size) for count in patches)
    return high, wide


def fill(network: Any, weights: Weights, name: str) -> None:
    """Fill ``network`` with the weights ``name``, whose file has the names of either version of transformers.

    Raises: WeightsError.
    """
    known = network.state_dict().keys()
    weights.load_into(name, network, lambda key: renamed(key) if renamed(key) in known else key)
    if weights.digest(name) == UNTRAINED:
        network.head.conv3.weight.data.abs_()  # what is negative would be cut to one and the same 0


def project_first(network: Any) -> None:
    """Have each convolution of 1 x 1 that follows an enlargement come before it, on a quarter of the places. A mean of
    places with weights that add up to 1 does not care which comes first."""
    from torch import nn

    for layer in network.neck.fusion_stage.layers:
        layer.residual_layer2 = nn.Sequential(layer.residual_layer2, layer.projection)
        layer.projection = nn.Identity()


def end_in_strips(network: Any) -> None:
    """Have the last layers, at the image's full size, some rows at a time: a thirtieth of a CPU's time."""
    from torch import nn

    from pipeline.networks.strips import Strips

    head = network.head
    head.conv2 = Strips(head.conv2, head.activation1, head.conv3)
    head.activation1 = head.conv3 = nn.Identity()


def renamed(key: str) -> str:
    """A tensor's name in transformers since version 5."""
    for old, new in RENAMED.items():
        key = key.replace(old, new)
    return key


def build() -> Any:
    """Depth Anything V2, small, from numbers alone: nothing is looked up or fetched.

    Raises: ConfigError when transformers is not installed.
    """
    try:
        from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config
    except ImportError:
        cure = "pip install 'affect-cache[depth]', or in a clone: .venv/bin/pip install -e '.[depth]'"
        raise ConfigError(f"the stage depth needs transformers, which is not installed here: {cure}") from None
    backbone: dict[str, Any] = {
        "hidden_size": 384,
        "num_hidden_layers": 12,
        "num_attention_heads": 6,
        "image_size": 518,
        "patch_size": PATCH,
        "out_indices": [3, 6, 9, 12],
        "reshape_hidden_states": False,
    }
    head: dict[str, Any] = {
        "patch_size": PATCH,
        "reassemble_hidden_size": 384,
        "reassemble_factors": [4, 2, 1, 0.5],
        "neck_hidden_sizes": [48, 96, 192, 384],
        "fusion_hidden_size": 64,
        "head_hidden_size": 32,
    }
    return DepthAnythingForDepthEstimation(DepthAnythingConfig(backbone_config=Dinov2Config(**backbone), **head))
