"""backbone: the pooled vector of a torchvision network, of the whole image or of each person's body.

Both are stretched to ``size`` without keeping the aspect, so that nothing at an edge is lost; a body is the person's
box, as in Affect-DML (256 x 256).
Source: Affect-DML, section III; the networks and their weights: torchvision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt, model_validator

from cache.config import Settings
from cache.errors import unknown
from cache.spec import ArraySpec, Granularity
from pipeline import boxes, images
from pipeline.stage import Extracted, Failed, Photo, Stage, deploy, normalise

if TYPE_CHECKING:
    from pipeline.weights import Weights

Pixels = NDArray[np.uint8]


class Network(NamedTuple):
    """features: of the pooled vector. classifier: the part that is taken off."""

    features: int
    classifier: str


NETWORKS = {
    "resnet18": Network(512, "fc"),
    "resnet34": Network(512, "fc"),
    "resnet50": Network(2048, "fc"),
    "shufflenet_v2_x0_5": Network(1024, "fc"),
    "shufflenet_v2_x1_0": Network(1024, "fc"),
    "mobilenet_v2": Network(1280, "classifier"),
    "mobilenet_v3_small": Network(576, "classifier"),
    "mobilenet_v3_large": Network(960, "classifier"),
}
SIZES = {"image": (224, 224), "body": (256, 256)}


class Extractor(Stage[Pixels]):
    """One item is an image or a body, (h, w, 3) uint8 RGB; one row its pooled vector."""

    version = 1

    class Config(Settings):
        """model: a name of NETWORKS. weights: of pipeline/weights.py, by default the model's. size: (h, w)."""

        model: str = "resnet18"
        weights: str = ""
        input: Literal["image", "body"] = "image"
        size: tuple[PositiveInt, PositiveInt] = (224, 224)

        @model_validator(mode="before")
        @classmethod
        def _resolve(cls, values: Any) -> Any:
            """Defaults that hang on other settings are written out, so that they are stored."""
            if not isinstance(values, dict):
                return values
            size = SIZES.get(str(values.get("input")), SIZES["image"])
            return {"size": size, "weights": values.get("model", "resnet18")} | values

    config: Config

    def __init__(self, config: Config) -> None:
        if config.model not in NETWORKS:
            raise unknown("backbone model", config.model, NETWORKS)
        self.config = config
        self.batch_size = 16

    @property
    def unit(self) -> Granularity:  # type: ignore[override]
        return Granularity.PERSON if self.config.input == "body" else Granularity.IMAGE

    @property
    def granularity(self) -> Granularity:  # type: ignore[override]
        return self.unit

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {"pooled": ArraySpec((NETWORKS[self.config.model].features,), "float16", "activation")}

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.weights,)

    def load(self, device: str, weights: Weights) -> None:
        import torchvision
        from torch import nn

        classifier = NETWORKS[self.config.model].classifier
        network = getattr(torchvision.models, self.config.model)()
        setattr(network, classifier, nn.Identity())
        weights.load_into(self.config.weights, network, lambda key: None if key.startswith(f"{classifier}.") else key)
        self.network: Any = deploy(network, device)
        self.device = device

    def prepare(self, photo: Photo) -> list[Pixels | Failed]:
        if self.unit is Granularity.IMAGE:
            return [images.resize(photo.image, self.config.size)]
        return [self._body(photo, box) for box in photo.boxes]

    def _body(self, photo: Photo, box: NDArray[np.float32]) -> Pixels | Failed:
        if fault := boxes.fault(box, *photo.image.size):
            return Failed(fault)
        x1, y1, x2, y2 = box.tolist()
        return images.resize(photo.image, self.config.size, (x1, y1, x2, y2))

    def run(self, items: Sequence[Pixels]) -> Extracted:
        import torch

        with torch.inference_mode():
            pooled = self.network(normalise(items, self.device))
        return Extracted.ok({"pooled": pooled.float().cpu().numpy()})
