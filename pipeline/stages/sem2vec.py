"""sem2vec: which of ADE20K's 150 classes are in an image, how much of it each covers, and a small label map.

Source: Affect-DML, eq. 3: presence of the classes of that image alone; HRNet of mmsegmentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cache.errors import unknown
from cache.spec import ArraySpec, Granularity
from pipeline.decoding import images
from pipeline.networks import openmmlab
from pipeline.stage import IMAGENET_MEAN, IMAGENET_STD, Extracted, Failed, Photo, Precise, Stage, deploy, normalise
from pipeline.stages._hrnet import StridedSize
from pipeline.weights.colours import Colours

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.weights.folder import Weights

CLASSES = 150
PADDING = 255
STRIDE = 8
"""Of the label map. Its value at (i, j) is the class of input pixel (8 i + 4, 8 j + 4)."""
_TOLERANCE = 1e-4
"""Relative: more than the rounding of a sum of four products in float32."""


class Boxed(NamedTuple):
    """pixels: (h, w, 3) uint8 RGB, the image at the top left. content: (h, w) of the image's part."""

    pixels: NDArray[np.uint8]
    content: tuple[int, int]


class Extractor(Stage[Boxed]):
    """One item is a letterboxed image; class indices count from 0 in ADE20K's order."""

    version = 2
    unit = granularity = Granularity.IMAGE

    class Config(Precise):
        """model: a name of openmmlab.SEGMENTORS, and its weights' name. size: (h, w) of the network's input.

        min_area: the least fraction of the image's pixels that counts as presence. 0 is eq. 3, one pixel; a network
        that speckles is better with its own break-even point of precision and recall.
        """

        model: str = "fcn_hr48"
        size: StridedSize = (512, 512)
        min_area: float = Field(default=0.0, ge=0, lt=1)

    config: Config

    def __init__(self, config: Config) -> None:
        if config.model not in openmmlab.SEGMENTORS:
            raise unknown("sem2vec model", config.model, openmmlab.SEGMENTORS)
        self.config = config
        self.batch_size = 8

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        height, width = self.config.size
        return {
            "presence": ArraySpec((CLASSES,), "uint8", "1 where the class covers a pixel"),
            "area": ArraySpec((CLASSES,), "float16", "fraction of the image's pixels"),
            "label_map": ArraySpec((height // STRIDE, width // STRIDE), "uint8", "ADE20K class, 255 padding", PADDING),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.model,)

    def load(self, device: str, weights: Weights) -> None:
        import torch

        from pipeline.networks.folding import fold

        network: Any = openmmlab.build_segmentor(self.config.model)
        weights.load_into(self.config.model, network, colours=Colours(IMAGENET_MEAN, IMAGENET_STD))
        fold(network, lambda: network.decode_head(network.extract_feat(torch.zeros(1, 3, 64, 64))))
        self.network: Any = deploy(network, device, self.config.precision)
        self.device = device

    def prepare(self, photo: Photo) -> list[Boxed | Failed]:
        return [Boxed(*images.letterbox(photo.image, self.config.size))]

    def run(self, items: Sequence[Boxed]) -> Extracted:
        import torch

        with torch.inference_mode():
            batch = normalise([item.pixels for item in items], self.device, precision=self.config.precision)
            for image, item in zip(batch, items, strict=True):
                image[:, item.content[0] :] = 0  # the mean colour, with which mmsegmentation pads
                image[:, :, item.content[1] :] = 0
            logits = self.network.decode_head(self.network.extract_feat(batch))
            maps = [upsampled_argmax(one, self.config.size).cpu().numpy() for one in logits]
        rows = [_describe(labels, item.content, self.config.min_area) for labels, item in zip(maps, items, strict=True)]
        return Extracted.ok({name: np.stack([row[name] for row in rows]) for name in rows[0]})

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Classes that are present, the greatest first, with their share of the image."""
        names = openmmlab.ade20k_classes()
        order = np.argsort(-row["area"].astype(float), kind="stable")
        present = [int(index) for index in order if row["presence"][index]]
        return {"classes": {names[index]: round(float(row["area"][index]), 4) for index in present}}


def upsampled_argmax(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """(h, w) uint8: the class with the greatest logit after bilinear upsampling (corners not aligned) to ``size``.

    logits: (c, h / 4, w / 4), at least 2 x 2. An upsampled value lies between the least and the greatest of the four
    logits around it. So a class whose greatest is everywhere under some other's least cannot win, and is not
    upsampled: the same result without 150 planes of full size.
    """
    import torch
    from torch.nn import functional as F

    last = logits.float().permute(1, 2, 0).contiguous()  # classes last: three times as fast as planes
    greatest = torch.maximum(last[:, 1:], last[:, :-1])
    greatest = torch.maximum(greatest[1:], greatest[:-1])
    least = torch.minimum(last[:, 1:], last[:, :-1])
    floor = torch.minimum(least[1:], least[:-1]).amax(-1, keepdim=True) - _TOLERANCE * last.abs().max()
    candidates = (greatest >= floor).flatten(0, 1).any(0).nonzero().squeeze(1)
    few = last[..., candidates][None].permute(0, 3, 1, 2)  # in this order: strides that torch knows as channels last
    full = F.interpolate(few, size=size, mode="bilinear", align_corners=False)
    return candidates[full.argmax(1)[0]].byte()


def _describe(labels: NDArray[np.uint8], content: tuple[int, int], min_area: float) -> dict[str, NDArray[np.generic]]:
    """presence (150,), area (150,) float64, label_map (h / 8, w / 8) of one image's label map (h, w)."""
    counts = np.bincount(labels[: content[0], : content[1]].ravel(), minlength=CLASSES)
    area = counts / counts.sum()
    small = labels.copy()
    small[content[0] :] = PADDING
    small[:, content[1] :] = PADDING
    middle = slice(STRIDE // 2, None, STRIDE)
    return {
        "presence": ((counts > 0) & (area >= min_area)).astype(np.uint8),
        "area": area,
        "label_map": small[middle, middle],
    }
