"""noise: a map that says nothing of the image, as a control: a teacher or an input of which nothing can be learned.

``c8``: rectified normal numbers, drawn anew for each image from its key: those of one image are always the same. Half
of them are 0, as in a network's maps after its last ReLU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from cache.config import Settings
from cache.fingerprint import digest
from cache.spec import ArraySpec, Granularity
from pipeline.stage import Extracted, Failed, Photo, Stage

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights


class Extractor(Stage[NDArray[np.float32]]):
    """One item is an image's map; no network."""

    version = 1
    unit = granularity = Granularity.IMAGE

    class Config(Settings):
        """channels, size: of the map, (h, w). seed: another one gives other numbers."""

        channels: PositiveInt = 32
        size: tuple[PositiveInt, PositiveInt] = (64, 64)
        seed: int = Field(0, ge=0)

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 64

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {"c8": ArraySpec((self.config.channels, *self.config.size), "float16", "noise: channel, row, column")}

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    def load(self, device: str, weights: Weights) -> None:
        """Nothing to load."""

    def prepare(self, photo: Photo) -> list[NDArray[np.float32] | Failed]:
        drawn = np.random.default_rng([self.config.seed, int(digest(photo.key.encode()), 16)])
        return [drawn.standard_normal(self.outputs["c8"].shape, dtype=np.float32).clip(0)]

    def run(self, items: Sequence[NDArray[np.float32]]) -> Extracted:
        return Extracted.ok({"c8": np.stack(items)})
