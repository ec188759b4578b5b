"""neighbours: where the people of an image are, as each of them has it: the own box first, then the others by nearness.

A head sees people one by one, so whoever relates them to each other (EmotiCon's proximity graph) finds the others here.
They are the people that the annotation names; a bystander without a label is nobody.
Source: Mittal et al. 2020, EmotiCon; Context-based visual emotion recognition (thesis), section 4.1.2, eq. 4.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cache.config import Settings
from cache.spec import ArraySpec, Granularity
from pipeline.stage import Extracted, Failed, Photo, Stage

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

People = NDArray[np.float32]


class Extractor(Stage[People]):
    """One item is the boxes of an image's people, (p, 4) xyxy; one row a person; no network."""

    version = 1
    unit = Granularity.IMAGE
    granularity = Granularity.PERSON

    class Config(Settings):
        """most: how many people a row has room for, the own one among them; those farther away are left out."""

        most: int = Field(default=16, ge=2, le=256)

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 64

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {
            "boxes": ArraySpec((self.config.most, 4), "float32", "xyxy in image pixels; zeros where nobody is"),
            "people": ArraySpec((), "int32", "people in the image"),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    def load(self, device: str, weights: Weights) -> None:
        """Nothing to load."""

    def rows(self, item: People) -> int:
        return len(item)

    def prepare(self, photo: Photo) -> list[People | Failed]:
        return [photo.boxes]

    def run(self, items: Sequence[People]) -> Extracted:
        arrays = {name: spec.empty(sum(map(len, items))) for name, spec in self.outputs.items()}
        arrays["boxes"][:] = 0
        row = 0
        for people in items:
            for person in range(len(people)):
                near = people[_by_nearness(people, person)[: self.config.most]]
                arrays["boxes"][row, : len(near)], arrays["people"][row] = near, len(people)
                row += 1
        return Extracted.ok(arrays)

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """How many people there are in the image."""
        return {"people": int(row["people"])}


def _by_nearness(people: People, person: int) -> NDArray[np.int64]:
    """Places in ``people``, ``person`` first, then by the distance of the boxes' centres, in their own order in a
    tie."""
    centres = (people[:, :2].astype(np.float64) + people[:, 2:]) / 2
    apart = np.square(centres - centres[person]).sum(1)
    apart[person] = -1
    return np.argsort(apart, kind="stable")
