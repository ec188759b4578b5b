"""joints: a person's joints in one frame, as the annotation has them, and as ST-GCN takes them. No pixel is looked at.

x and y over the frame's width and height, less a half: -0.5 to 0.5, and the score; all three zero where the score is
under ``threshold``, as the joints that were not found. ``pixels`` keeps what the annotation says. Of a clip T frames
make (T, 18, 3). The thesis normalises by the largest box of joints of the whole sequence instead, to 0 to 1, which one
frame does not know: a head can do so with ``pixels``.
Order: COCO's 18, as OpenPose and BoLD have them: nose, neck, right and left arm from the shoulder, right and left leg
from the hip, right and left eye, right and left ear.
Source: Spatial temporal graph convolutional networks: Yan et al. 2018, by way of the authors' code; thesis, 5.1.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cache.config import Settings
from cache.spec import ArraySpec, Granularity
from pipeline.stage import Extracted, Failed, Photo, Stage

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

JOINTS = 18


class Person(NamedTuple):
    """joints: (18, 3) x, y in pixels, score. size: width and height of the frame."""

    joints: NDArray[np.float32]
    size: tuple[int, int]


class Extractor(Stage[Person]):
    """One item is a person's joints; no network."""

    version = 1
    unit = granularity = Granularity.PERSON

    class Config(Settings):
        """threshold: of the score, below which a joint is missing."""

        threshold: float = Field(default=0.1, gt=0)

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 64

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {
            "normalised": ArraySpec((JOINTS, 3), "float32", "x, y as shares of the frame less a half, score; or zeros"),
            "pixels": ArraySpec((JOINTS, 3), "float32", "x, y in pixels of the frame, score; as annotated"),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    @property
    def pixels(self) -> bool:
        return False

    def load(self, device: str, weights: Weights) -> None:
        """Nothing to load."""

    def prepare(self, photo: Photo) -> list[Person | Failed]:
        if photo.joints is None:
            return [Failed("no joints: this dataset's annotation has none")] * len(photo.boxes)
        if photo.joints.shape[1:] != (JOINTS, 3):
            wrong = "x".join(map(str, photo.joints.shape[1:]))
            return [Failed(f"joints of {wrong} numbers, {JOINTS}x3 are wanted")] * len(photo.boxes)
        return [Person(joints, photo.image.size) for joints in photo.joints]

    def run(self, items: Sequence[Person]) -> Extracted:
        pixels = np.stack([item.joints for item in items]).astype(np.float64)
        size = np.array([item.size for item in items], np.float64)[:, None]
        placed = np.concatenate([pixels[..., :2] / size - 0.5, pixels[..., 2:]], axis=-1)
        seen = pixels[..., 2:] >= self.config.threshold
        return Extracted.ok({"normalised": np.where(seen, placed, 0), "pixels": pixels})

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """How many joints were seen."""
        return {"joints_seen": int((row["pixels"][:, 2] >= self.config.threshold).sum())}
