"""What ``flow`` and ``rgb_difference`` share: which part of the frames a person's row is of, and a backbone whose first
convolution takes as many channels as a stack has.

The first convolution's weights are averaged over the three colours and repeated for every channel. Source: Temporal
segment networks: Wang et al. 2016, section 3.2, cross-modality pre-training; thesis, section 5.2.1, TSN-Flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt, model_validator

from cache.spec import ArraySpec, Status
from pipeline.decoding import boxes
from pipeline.stage import IMAGENET_STD, Extracted, Photo, Precise, deploy
from pipeline.stages import _backbone_lookup as lookup
from pipeline.stages._backbone_table import FACENET, Network
from pipeline.stages._heads import NO_JOINTS, head

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipeline.weights.folder import Weights

STD = sum(IMAGENET_STD) / 3
"""Of a stack's channels, in units of 0..255: those of the three colours on average."""


class Moving(Precise):
    """model, weights: as of ``backbone``; the weights are those for photographs. input: the person's box, the frame
    with that box blanked, or the head as the annotation's joints have it. size: (h, w), by default the model's own.
    """

    model: str = "resnet18"
    weights: str = ""
    input: Literal["body", "context", "head"] = "body"
    size: tuple[PositiveInt, PositiveInt] = (224, 224)

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, values: Any) -> Any:
        """Defaults that hang on the model are written out, so that they are stored."""
        if not isinstance(values, dict) or not isinstance(values.get("model", ""), str):
            return values
        name, network = lookup.find(values.get("model", "resnet18"))
        weights = "vggface2" if name == FACENET else name
        return {"weights": weights, "size": network.size} | {**values, "model": name}


class View(NamedTuple):
    """Of one person. box: (4,) xyxy, what is looked at or, of a context, what is blanked; only where status is OK."""

    box: NDArray[np.float64]
    status: Status
    message: str


NOWHERE = np.full(4, np.nan)


def views(photo: Photo, kind: str) -> list[View]:
    """Of each of the photograph's people, by the first frame; the same part of all frames, so that a stack shows
    motion and not how a box moves."""
    if kind == "head":
        if photo.joints is None:
            return [View(NOWHERE, Status.FAILED, NO_JOINTS)] * len(photo.boxes)
        return [_head(joints, photo.image.size) for joints in photo.joints]
    return [_person(box, photo.image.size) for box in photo.boxes]


def too_few(photo: Photo, following: int) -> str:
    """What is wrong with a photograph, which has no frames after it."""
    return f"{len(photo.following)} frames after it, {following} are wanted: motion is for videos"


def _person(box: NDArray[np.float32], size: tuple[int, int]) -> View:
    if fault := boxes.fault(box, *size):
        return View(NOWHERE, Status.FAILED, fault)
    return View(box.astype(np.float64), Status.OK, "")


def _head(joints: NDArray[np.float32], size: tuple[int, int]) -> View:
    found = head(joints, size)
    if isinstance(found, str):
        return View(NOWHERE, Status.NO_FACE, found)
    return View(found, Status.OK, "")


def spec(known: Network) -> ArraySpec:
    """Of the pooled vector."""
    return ArraySpec((known.features,), "float16", "activation")


def settled(found: Sequence[View], arrays: Mapping[str, NDArray[Any]], specs: Mapping[str, ArraySpec]) -> Extracted:
    """Rows of all ``found``; ``arrays`` has those of the ones that are OK."""
    status = np.array([view.status for view in found], np.uint8)
    out: dict[str, NDArray[Any]] = {name: one.empty(len(found)) for name, one in specs.items()}
    for name, array in arrays.items():
        out[name] = np.zeros((len(found), *specs[name].shape), array.dtype)
        out[name][status == Status.OK] = array
    return Extracted(out, status, [view.message for view in found])


def network(config: Moving, channels: int, device: str, weights: Weights) -> nn.Module:
    """The backbone for stacks (n, channels, h, w), ready. Raises: WeightsError, ConfigError."""
    import torch

    from pipeline.networks.folding import fold
    from pipeline.networks.padding import absorb
    from pipeline.stages._backbone_networks import build

    backbone = build(config.model, lookup.find(config.model)[1].size, config.size, False)
    backbone.load(weights, config.weights)
    widen(backbone.network, channels)
    zeros = torch.zeros(1, channels, *config.size)
    fold(backbone, lambda: backbone(zeros))
    if device == "cpu":
        absorb(backbone, lambda: backbone(zeros))
    return deploy(backbone, device, config.precision)


def widen(network: Any, channels: int) -> None:
    """Give the first convolution of ``network`` as many inputs as ``channels``, each with its mean over colours."""
    from torch import nn

    first = next(one for one in network.modules() if isinstance(one, nn.Conv2d) and one.in_channels == 3)
    mean = first.weight.detach().mean(1, keepdim=True)
    first.weight = nn.Parameter(mean.repeat(1, channels, 1, 1))
    first.in_channels = channels
    if hasattr(network, "transform_input"):  # GoogLeNet's and Inception's change of three colours' means
        network.transform_input = False


def pooled(network: Any, stack: Tensor, config: Moving) -> NDArray[np.float32]:
    """(n, d) of a stack (n, channels, h, w) that is normalised."""
    import torch

    out, _ = network(stack.to(getattr(torch, config.precision)))
    found: NDArray[np.float32] = out.float().cpu().numpy()
    return found
