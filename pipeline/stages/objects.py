"""objects: the 50 likeliest objects of an image: boxes, scores, COCO classes and an appearance feature of each.

Source: Relational region-level analysis (BOA, section 4.2): the top 50 of a Faster R-CNN, with features of their
regions. The paper takes C4 features (``features = "c4"``: the mean of the region in ResNet's C4 map); by default they
are the box head's, which torchvision's networks were trained to tell objects by. Both are of the final boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cache.config import Settings
from cache.errors import unknown
from cache.spec import ArraySpec, Granularity
from pipeline.stage import Extracted, Failed, Photo, Stage, deploy
from pipeline.stages import _detector

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Pixels = NDArray[np.uint8]
SURE = 0.5
"""Least score of an object that is told in words."""


class Extractor(Stage[Pixels]):
    """One item is a whole image, (h, w, 3) uint8 RGB in its own size; one row its objects, the likeliest first.

    Rows beyond ``count`` are zeros, and no object has label 0. An image goes through the network alone.
    """

    version = 2
    unit = granularity = Granularity.IMAGE

    class Config(Settings):
        """model: a name of MODELS in _detector.py. weights: of pipeline/weights/, by default the model's.

        top: objects of a row. min_score: an object scores more; 0 keeps the best 50 however low, as the paper does.
        features: what ``features`` holds, see above. min_size, max_size: pixels that the image's short side gets, and
        that the long one does not exceed; by default the model's own, less is quicker.
        """

        model: str = _detector.FIRST_NETWORK
        weights: str = ""
        top: int = Field(default=50, ge=1, le=1000)
        min_score: float = Field(default=0.0, ge=0, lt=1)
        features: Literal["box_head", "c4"] = "box_head"
        min_size: int = Field(default=800, ge=32)
        max_size: int = Field(default=1333, ge=32)

        @model_validator(mode="before")
        @classmethod
        def _resolve(cls, values: Any) -> Any:
            """Defaults that hang on the model are written out, so that they are stored."""
            if not isinstance(values, dict):
                return values
            name = values.get("model", _detector.FIRST_NETWORK)
            model = _detector.MODELS.get(str(name), _detector.MODELS[_detector.FIRST_NETWORK])
            return {"weights": name, "min_size": model.min_size, "max_size": model.max_size} | values

        @model_validator(mode="after")
        def _fits(self) -> Any:
            if self.min_size > self.max_size:
                raise ValueError(f"min_size {self.min_size} is over max_size {self.max_size}")
            if self.features == "c4" and self.model in _detector.MODELS and not _detector.MODELS[self.model].c4:
                raise ValueError(f"features = 'c4' wants a ResNet, {self.model} has none: take 'box_head'")
            return self

    config: Config

    def __init__(self, config: Config) -> None:
        if config.model not in _detector.MODELS:
            raise unknown("objects model", config.model, _detector.MODELS)
        self.config = config
        self.batch_size = 4

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        top = self.config.top
        return {
            "boxes": ArraySpec((top, 4), "float32", "xyxy in image pixels"),
            "scores": ArraySpec((top,), "float32", "probability of the label"),
            "labels": ArraySpec((top,), "uint8", "COCO id, 1 person; 0 no object"),
            "features": ArraySpec((top, _detector.FEATURES), "float16", f"activation ({self.config.features})"),
            "count": ArraySpec((), "int16", "objects of the row"),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.weights,)

    def load(self, device: str, weights: Weights) -> None:
        import torch

        from pipeline.networks.folding import fold

        one = self.config
        network = _detector.build(one.model, weights, one.weights, one.min_size, one.max_size)
        fold(network.backbone, lambda: network.backbone(torch.zeros(1, 3, 64, 64)))
        self.network: Any = deploy(network, device)
        self.device = device

    def prepare(self, photo: Photo) -> list[Pixels | Failed]:
        if fault := _detector.too_narrow(*photo.image.size, self.config.min_size, self.config.max_size):
            return [Failed(fault)]
        return [np.array(photo.image)]

    def run(self, items: Sequence[Pixels]) -> Extracted:
        import torch

        one = self.config
        arrays = {name: spec.empty(len(items)).astype(_wide(spec.dtype)) for name, spec in self.outputs.items()}
        with torch.inference_mode():
            for row, pixels in enumerate(items):
                found = _detector.detect(self.network, pixels, one.top, one.min_score, one.features, self.device)
                arrays["count"][row] = count = len(found.scores)
                for name, tensor in found._asdict().items():
                    arrays[name][row, :count] = tensor.float().cpu().numpy()
        return Extracted.ok(arrays)

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """The objects that score at least SURE: name, score and box in whole pixels."""
        names = categories()
        kept = [index for index in range(int(row["count"])) if row["scores"][index] >= SURE]
        return {
            "objects": [
                {
                    "label": names[int(row["labels"][index])],
                    "score": round(float(row["scores"][index]), 4),
                    "box": [round(float(side)) for side in row["boxes"][index]],
                }
                for index in kept
            ]
        }


def categories() -> list[str]:
    """COCO's 91 names by id, as torchvision's weights have them."""
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

    return list(FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"])


def _wide(dtype: str) -> str:
    """float32 for float16, so that what does not fit is seen by ``Stage.extract``."""
    return "float32" if dtype == "float16" else dtype
