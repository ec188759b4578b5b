"""mask: which pixels are the person: 256 x 256 probabilities on a square of the image, which may be turned.

``blazepose-full`` looks at the rows of the feature ``source`` ("pose", by a model of that name): at the same square
again, and tells that person from others in it. ``selfie`` looks at the upright square about the person's box, 1.1 times
its longer side, needs no other feature and takes a fifth of the time, but whoever else is in the square is in the mask.
Source: BlazePose, see ``pose``; MediaPipe's selfie segmentation, the general model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import model_validator

from cache.config import Settings
from cache.errors import ConfigError
from cache.spec import ArraySpec, Granularity
from pipeline.decoding import boxes, regions
from pipeline.decoding.outlines import HALF, outlines
from pipeline.decoding.regions import Region
from pipeline.networks import blazepose, tflite
from pipeline.stage import Extracted, Failed, Photo, Stage

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

SIDE = blazepose.SIDE
SELFIE = "mediapipe/selfie_segmentation"
SCALE = 1.1


class Person(NamedTuple):
    """pixels: (256, 256, 3) uint8 RGB of the region."""

    pixels: NDArray[np.uint8]
    region: Region


class Extractor(Stage[Person]):
    """One item is a person's region."""

    version = 1
    unit = granularity = Granularity.PERSON
    cpu_only = True

    class Config(Settings):
        """model: see above. source: the feature that gives BlazePose its regions."""

        model: Literal["blazepose-full", "selfie"] = "blazepose-full"
        source: str = "pose"

        @model_validator(mode="before")
        @classmethod
        def _resolve(cls, values: Any) -> Any:
            """What is not used is not stored."""
            if isinstance(values, dict) and values.get("model") == "selfie":
                return {"source": ""} | values
            return values

    config: Config

    def __init__(self, config: Config) -> None:
        if bool(config.source) != (config.model != "selfie"):
            raise ConfigError(f"mask: source = {config.source!r} does not go with model = {config.model!r}")
        self.config = config
        self.batch_size = 8

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        square = "the square that the mask fills: x, y, side in image pixels; x, y of its up"
        return {
            "mask": ArraySpec((SIDE, SIDE), "uint8", "probability of the person, 0..255", compressed=True),
            "region": ArraySpec((5,), "float32", square, np.nan),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return (SELFIE,) if self.config.model == "selfie" else (blazepose.LANDMARKS,)

    @property
    def source(self) -> str:
        return self.config.source

    @property
    def reads(self) -> tuple[str, ...]:
        return ("region",) if self.config.source else ()

    @property
    def sees(self) -> bool:
        return bool(self.config.source)

    def load(self, device: str, weights: Weights) -> None:  # noqa: ARG002 (see ``cpu_only``)
        if self.config.source:
            self.landmarks = blazepose.Landmarks(weights)
        else:
            self.selfie = tflite.load(weights, SELFIE, [(1, SIDE, SIDE, 3)], [(1, SIDE, SIDE, 1)])

    def prepare(self, photo: Photo) -> list[Person | Failed]:
        if self.config.source:
            return super().prepare(photo)
        pixels = np.asarray(photo.image)
        return [
            Failed(fault)
            if (fault := boxes.fault(box, *photo.image.size))
            else _person(pixels, regions.about(box, SCALE))
            for box in photo.boxes
        ]

    def look(self, image: Image.Image, rows: Sequence[Mapping[str, NDArray[Any]]]) -> list[Person | Failed]:
        if not self.config.source:
            return super().look(image, rows)
        pixels = np.asarray(image)
        return [_person(pixels, regions.read(row["region"])) for row in rows]

    def run(self, items: Sequence[Person]) -> Extracted:
        masks = np.stack([self._mask(item.pixels) for item in items])
        return Extracted.ok(
            {
                "mask": np.rint(255 * masks).astype(np.uint8),
                "region": np.stack([regions.written(item.region) for item in items]),
            }
        )

    def _mask(self, pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
        """(256, 256) in 0..1."""
        if self.config.source:
            return blazepose.sigmoid(self.landmarks.find(pixels).mask)
        (values,) = self.selfie(tflite.fractions(pixels))
        return np.clip(values[..., 0], 0, 1)

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """How much of the square is the person, and the outline: polygons of x, y in image pixels."""
        pieces = outlines(row["mask"], regions.read(row["region"]))
        return {
            "person": round(float((row["mask"] >= HALF).mean()), 3),
            "outline": [np.round(piece, 1).tolist() for piece in pieces],
        }


def _person(pixels: NDArray[np.uint8], region: Region) -> Person:
    return Person(regions.cut(pixels, region, SIDE), region)
