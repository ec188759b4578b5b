"""mask: which pixels of the upright square about a person's box are a person's: 256 x 256 probabilities.

The square is 1.1 times the box's longer side; whoever else is in it is in the mask too. ``pose`` by BlazePose gives a
mask that tells people apart, and takes five times as long.
Source: MediaPipe's selfie segmentation, the general model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.config import Settings
from cache.spec import ArraySpec, Granularity
from pipeline.decoding import boxes, regions
from pipeline.decoding.regions import Region
from pipeline.networks import tflite
from pipeline.stage import Extracted, Failed, Photo, Stage
from pipeline.stages import _silhouette
from pipeline.stages._silhouette import SIDE

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

NETWORK = "mediapipe/selfie_segmentation"
SCALE = 1.1


class Person(NamedTuple):
    """pixels: (256, 256, 3) uint8 RGB of the region."""

    pixels: NDArray[np.uint8]
    region: Region


class Extractor(Stage[Person]):
    """One item is the square about a person; no settings."""

    version = 1
    unit = granularity = Granularity.PERSON
    cpu_only = True
    Config = Settings

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.batch_size = 8

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        square = "the square that the mask fills: x, y, side in image pixels; x, y of its up"
        return {"mask": _silhouette.MASK, "region": ArraySpec((5,), "float32", square, np.nan)}

    @property
    def weights(self) -> tuple[str, ...]:
        return (NETWORK,)

    def load(self, device: str, weights: Weights) -> None:  # noqa: ARG002 (see ``cpu_only``)
        self.network = tflite.load(weights, NETWORK, [(1, SIDE, SIDE, 3)], [(1, SIDE, SIDE, 1)])

    def prepare(self, photo: Photo) -> list[Person | Failed]:
        pixels = np.asarray(photo.image)
        return [
            Failed(fault)
            if (fault := boxes.fault(box, *photo.image.size))
            else _person(pixels, regions.about(box, SCALE))
            for box in photo.boxes
        ]

    def run(self, items: Sequence[Person]) -> Extracted:
        return Extracted.ok(
            {
                "mask": np.stack([self._mask(item.pixels) for item in items]),
                "region": np.stack([regions.written(item.region) for item in items]),
            }
        )

    def _mask(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        (values,) = self.network(tflite.fractions(pixels))
        return _silhouette.stored(np.clip(values[..., 0], 0, 1))

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """How much of the square is a person, and the outline."""
        return _silhouette.told(row)


def _person(pixels: NDArray[np.uint8], region: Region) -> Person:
    return Person(regions.cut(pixels, region, SIDE), region)
