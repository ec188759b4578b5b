"""scene: where a photograph was taken: Places365's scenes, indoors or not, SUN's attributes, and the pooled vector.

Source: Zhou et al. 2018, Places; the network and its attributes: github.com/CSAILVision/places365. Its demo sets the
classifier's negative weights to zero before the forward pass, which changes the probabilities; that is not done here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from cache.spec import ArraySpec, Granularity
from pipeline.decoding import images
from pipeline.stage import Extracted, Failed, Photo, Precise, Stage, deploy, normalise
from pipeline.stages import _places365
from pipeline.stages._places365 import ATTRIBUTES, FEATURES, INDOOR, SCENES

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Pixels = NDArray[np.uint8]
VOTES = 10
"""Scenes that say whether an image was taken indoors."""


class Extractor(Stage[Pixels]):
    """One item is a whole image, stretched; it becomes one row."""

    version = 2
    unit = granularity = Granularity.IMAGE

    class Config(Precise):
        """size: (h, w) of the network's input; it was trained on 224 x 224, its last map is a sixteenth."""

        size: tuple[PositiveInt, PositiveInt] = (224, 224)

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 16
        self._names: list[str] = []

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {
            "scores": ArraySpec((len(SCENES),), "float16", "probability of each Places365 scene"),
            "indoor": ArraySpec((), "float32", f"share of the {VOTES} likeliest scenes that are indoors, 0..1"),
            "attributes": ArraySpec((ATTRIBUTES,), "float16", "SUN attribute responses, W times the pooled vector"),
            "attributes_softmax": ArraySpec((ATTRIBUTES,), "float16", "softmax over the attribute responses"),
            "pooled": ArraySpec((FEATURES,), "float16", "activation"),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return (_places365.NETWORK, _places365.MATRIX)

    def load(self, device: str, weights: Weights) -> None:
        import torch
        from torch import nn

        from pipeline.networks.folding import fold

        network = _places365.network(weights)
        self._attributes: Any = deploy(_places365.attributes(weights), device)
        self._scenes: Any = deploy(network.fc, device)
        network.fc = nn.Identity()
        fold(network, lambda: network(torch.zeros(1, 3, 64, 64)))
        self._network: Any = deploy(network, device, self.config.precision)
        self._names = _places365.attribute_names(weights.folder)
        self.device = device

    def prepare(self, photo: Photo) -> list[Pixels | Failed]:
        return [images.resize(photo.image, self.config.size)]

    def run(self, items: Sequence[Pixels]) -> Extracted:
        import torch

        with torch.inference_mode():
            pooled = self._network(normalise(items, self.device, precision=self.config.precision)).float()
            responses = self._attributes(pooled)
            found = {
                "scores": self._scenes(pooled).softmax(-1),
                "attributes": responses,
                "attributes_softmax": responses.softmax(-1),
                "pooled": pooled,
            }
        arrays = {name: tensor.cpu().numpy() for name, tensor in found.items()}
        return Extracted.ok(arrays | {"indoor": indoor(arrays["scores"])})

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """The five likeliest scenes with their probabilities, indoors or outdoors, and the nine strongest attributes
        (none without the file of their names).
        """
        likely, strong = (np.argsort(-row[name].astype(float), kind="stable") for name in ("scores", "attributes"))
        said: dict[str, Any] = {
            "scenes": {SCENES[index]: round(float(row["scores"][index]), 4) for index in likely[:5]},
            "place": "indoors" if float(row["indoor"]) > 0.5 else "outdoors",
        }
        return said | ({"attributes": [self._names[index] for index in strong[:9]]} if self._names else {})


def indoor(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """(n,): of the ten likeliest scenes of each row of ``scores`` (n, 365), the share that is indoors.

    One minus the mean label of the public demo, whose labels are 0 indoors and 1 outdoors. Ties: the lower index.
    """
    likely = np.argsort(-scores, axis=-1, kind="stable")[:, :VOTES]
    share: NDArray[np.float32] = np.array(INDOOR)[likely].mean(-1, dtype=np.float32)
    return share
