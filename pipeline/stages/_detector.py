"""Faster R-CNN of torchvision: the most likely objects of one image, and what each looks like.

Source: Ren et al. 2015; torchvision's detection models and their own steps, in their own order.
"""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.weights.checkpoints import RESIDUAL_GAIN
from pipeline.weights.folder import UNTRAINED

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.weights.folder import Weights

FEATURES = 1024
CLASSES = 91
"""COCO's ids, of which some were never used; 0 is the background."""
FIRST_NETWORK = "fasterrcnn_resnet50_fpn"
C4 = "2"
"""torchvision's name of ResNet's third group of blocks, in the papers C4."""
GUESSES = (0.05, 0.005)
"""Least scores that are tried before the one asked for."""
SQUARE = 128
"""Side of a blank image, a multiple of every stride."""
CALM = 0.01
"""Of the predicting layers' weights when untrained: about the deviation with which torchvision begins to train them."""


class Model(NamedTuple):
    """min_size, max_size: of the image's sides in the network, as published. c4: whether it is a ResNet."""

    min_size: int
    max_size: int
    c4: bool


MODELS = {
    FIRST_NETWORK: Model(800, 1333, True),
    "fasterrcnn_resnet50_fpn_v2": Model(800, 1333, True),
    "fasterrcnn_mobilenet_v3_large_fpn": Model(800, 1333, False),
    "fasterrcnn_mobilenet_v3_large_320_fpn": Model(320, 640, False),
}


_OLDER = (
    (re.compile(r"(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)"), r"\1.0.\2"),
    (re.compile(r"rpn\.head\.conv\.(weight|bias)"), r"rpn.head.conv.0.0.\1"),
)
"""Names in files from before torchvision 0.13, which three of the four are, and what torchvision makes of them."""


class Objects(NamedTuple):
    """boxes: (k, 4) xyxy pixels of the image. scores: (k,), falling. labels: (k,) COCO ids. features: (k, 1024)."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    features: Tensor


def build(model: str, weights: Weights, name: str, min_size: int, max_size: int) -> Any:
    """The network ``model`` with the weights ``name``. Raises: WeightsError."""
    from torchvision.models import detection
    from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

    sides = {"min_size": min_size, "max_size": max_size}
    if model == FIRST_NETWORK:  # its published weights were trained with normalisations that are frozen and add nothing
        backbone = detection.backbone_utils.resnet_fpn_backbone(backbone_name="resnet50", weights=None)
        network = detection.FasterRCNN(backbone, CLASSES, **sides)
        for module in network.modules():
            if isinstance(module, FrozenBatchNorm2d):
                module.eps = 0.0
    else:
        network = getattr(detection, model)(weights=None, weights_backbone=None, **sides)
    weights.load_into(name, network, renamed)
    if weights.digest(name) == UNTRAINED:
        _calm(network)
    network.c4_roi_pool = MultiScaleRoIAlign([C4], 7, 2)  # without tensors of its own
    _settle_scales(network.eval())
    return network


def renamed(key: str) -> str:
    """A tensor's name in the installed torchvision, which renames only where a file tells its version."""
    for old, new in _OLDER:
        if found := old.fullmatch(key):
            return found.expand(new)
    return key


def _settle_scales(network: Any) -> None:
    """A pooling of torchvision tells its maps' scales from the first image that comes, and a strip tells wrong ones."""
    import torch

    with torch.inference_mode():
        maps = network.backbone.body(torch.zeros(1, 3, SQUARE, SQUARE))
        pyramid, nowhere = network.backbone.fpn(maps), [torch.zeros(0, 4)]
        network.roi_heads.box_roi_pool(pyramid, nowhere, [(SQUARE, SQUARE)])
        if C4 in maps:
            network.c4_roi_pool(maps, nowhere, [(SQUARE, SQUARE)])


def _calm(network: Any) -> None:
    """Untrained, an activation grows from layer to layer, and every box would fly out of its image."""
    from torchvision.models.resnet import Bottleneck
    from torchvision.ops import FrozenBatchNorm2d

    for block in network.modules():
        if isinstance(block, Bottleneck) and isinstance(block.bn3, FrozenBatchNorm2d):
            block.bn3.weight.fill_(RESIDUAL_GAIN)
    region, box = network.rpn.head, network.roi_heads.box_predictor
    for layer in (region.cls_logits, region.bbox_pred, box.cls_score, box.bbox_pred):
        layer.weight.data.mul_(CALM)


def too_narrow(width: int, height: int, min_size: int, max_size: int) -> str:
    """Why an image cannot be resized for the network, "" when it can: a side would have less than a pixel."""
    scale = min(min_size / min(width, height), max_size / max(width, height))
    if min(width, height) * scale >= 1:
        return ""
    return f"image of {width} x {height} is too narrow: at {max_size} pixels its short side is less than one"


def detect(
    network: Any, pixels: NDArray[np.uint8], top: int, least: float, features: Literal["box_head", "c4"], device: str
) -> Objects:
    """The ``top`` objects of an image (h, w, 3) uint8 RGB, at most, whose score is over ``least``.

    Alone in its batch: beside a wider image, torchvision would pad it, and its border would be another.
    """
    import torch

    image = torch.from_numpy(pixels).to(device).permute(2, 0, 1).to(torch.float32).div_(255)
    images, _ = network.transform([image])
    maps = network.backbone.body(images.tensors)
    pyramid = network.backbone.fpn(maps)
    proposals, _ = network.rpn(images, pyramid)
    heads, sizes = network.roi_heads, images.image_sizes
    found = heads.box_predictor(heads.box_head(heads.box_roi_pool(pyramid, proposals, sizes)))
    boxes, scores, labels = _best(heads, found, proposals, sizes, top, least)
    if features == "c4":
        looks = network.c4_roi_pool(maps, [boxes], sizes).mean((2, 3))
    else:
        looks = heads.box_head(heads.box_roi_pool(pyramid, [boxes], sizes))
    (result,) = network.transform.postprocess([{"boxes": boxes}], sizes, [image.shape[-2:]])
    return Objects(result["boxes"], scores, labels, looks)


def _best(
    heads: Any,
    found: tuple[Tensor, Tensor],
    proposals: list[Tensor],
    sizes: list[tuple[int, int]],
    top: int,
    least: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, scores and labels after suppression within each class, the best first.

    A box is suppressed by better ones only. So when ``top`` boxes over a higher score survive, they are those that
    survive among all: mostly, 90 x 1000 candidates need not be compared.
    """
    heads = copy(heads)  # several batches may be on their way at once
    heads.detections_per_img = top
    for guess in (*(one for one in GUESSES if one > least), least):
        heads.score_thresh = guess
        boxes, scores, labels = heads.postprocess_detections(*found, proposals, sizes)
        if len(boxes[0]) == top:
            break
    return boxes[0], scores[0], labels[0]
