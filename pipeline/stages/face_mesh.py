"""face_mesh: 478 points of each person's face with both irises, about the faces of the feature ``source`` ("face").

The network looks at the square about the face's box, 1.5 times its longer side, turned so that the eyes are level.
A person without a face in ``source``, or with a proxy in its place, has the status no_face.
Source: MediaPipe's face mesh with attention, see ``networks/facemesh.py``; the square is that of its graph
face_detection_front_detection_to_roi.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.config import Settings
from cache.spec import ArraySpec, Granularity, Status
from pipeline.decoding import regions
from pipeline.decoding.regions import Region
from pipeline.networks import facemesh
from pipeline.stage import Extracted, Failed, Stage

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

SCALE = 1.5
SIDE, POINTS = facemesh.SIDE, facemesh.POINTS


class Face(NamedTuple):
    """pixels: (192, 192, 3) uint8 RGB of the region."""

    pixels: NDArray[np.uint8]
    region: Region


class Extractor(Stage[Face | None]):
    """One item is a face's region; None where there is no face."""

    version = 1
    unit = granularity = Granularity.PERSON
    cpu_only = sees = True

    class Config(Settings):
        """source: the feature whose faces are looked at."""

        source: str = "face"

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 8

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        unit = "x, y in image pixels, z in the same unit, less is nearer; the irises are the last ten"
        return {
            "points": ArraySpec((POINTS, 3), "float32", unit, np.nan),
            "presence": ArraySpec((), "float32", "that there is a face in the square, 0..1", np.nan),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return (facemesh.NAME,)

    @property
    def source(self) -> str:
        return self.config.source

    @property
    def reads(self) -> tuple[str, ...]:
        return ("box", "landmarks", "confidence")

    def load(self, device: str, weights: Weights) -> None:  # noqa: ARG002 (see ``cpu_only``)
        self.network = facemesh.FaceMesh(weights)

    def look(self, image: Image.Image, rows: Sequence[Mapping[str, NDArray[Any]]]) -> list[Face | Failed | None]:
        pixels = np.asarray(image)
        found = [square(row["box"], row["landmarks"]) if row["confidence"] > 0 else None for row in rows]
        return [Face(regions.cut(pixels, one, SIDE), one) if one else None for one in found]

    def run(self, items: Sequence[Face | None]) -> Extracted:
        arrays = {name: spec.empty(len(items)) for name, spec in self.outputs.items()}
        for row, item in enumerate(items):
            if item:
                points, arrays["presence"][row] = self.network.find(item.pixels)
                arrays["points"][row, :, :2] = item.region.to_image(points[:, :2])
                arrays["points"][row, :, 2] = points[:, 2] * item.region.side
        status = np.array([Status.OK if item else Status.NO_FACE for item in items], np.uint8)
        return Extracted(arrays, status, ["" if item else f"no face in {self.source}, but a proxy" for item in items])

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """The middles of the irises, and whether there is a face at all."""
        irises = row["points"][[facemesh.MESH, facemesh.MESH + facemesh.IRIS], :2]
        return {"irises": np.round(irises.astype(float), 1).tolist(), "presence": round(float(row["presence"]), 4)}


def square(box: NDArray[np.floating], landmarks: NDArray[np.floating]) -> Region | None:
    """About a face's box (4,), level with its first two landmarks (5, 2), the eyes; None where these are one point."""
    eyes = regions.along(landmarks[0], landmarks[1], 1.0)
    if eyes is None:
        return None
    upright = regions.about(box, SCALE)
    return Region(upright.x, upright.y, upright.side, eyes.up_y, -eyes.up_x)
