"""face: each person's own face, aligned, with its box, five landmarks and the detector's confidence.

Faces are looked for once in the whole image and then given to the persons one to one, so that a person who shows no
face gets none, and never a neighbour's. The crop is aligned by the landmarks: the similarity transform that takes
them closest to their places in ArcFace's template, drawn for 112 x 112 and scaled to 160 x 160.

A person without a face found has the status no_face. With a ``proxy`` the row is kept instead, with status OK,
confidence 0 and landmarks of zeros. ``black``, with a box of zeros, is what the thesis does (4.2.1, Facial Features:
OpenFace finds no face for more than a quarter of EMOTIC's people, and "we feed the face feature extractor with a black
proxy image"). ``head`` cuts the head's region out of the person's box, and ``box`` takes the person's whole box, for
data whose boxes are faces; both are stretched to the crop and not aligned.
Source: MTCNN (Zhang et al. 2016) by facenet-pytorch; template: ArcFace (Deng et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from cache.config import Settings
from cache.spec import ArraySpec, Granularity, Status
from pipeline.decoding import boxes, images
from pipeline.networks.faces import MAX_SIDE, MIN_FACE, THRESHOLDS, WEIGHTS, Detector, Faces, Search
from pipeline.stage import Extracted, Failed, Photo, Stage

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

CROP = 160
PYRAMID_FACTOR = 0.709
TEMPLATE = (
    np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)])
    * CROP
    / 112
)
"""(5, 2) x, y: the eye, the eye, the nose, the mouth's corner, the mouth's corner; the viewer's left first."""


class Scene(NamedTuple):
    """pixels: (h, w, 3) uint8 RGB, what is searched. image: the whole image. boxes: (p, 4) persons in image pixels."""

    pixels: NDArray[np.uint8]
    image: Image.Image
    boxes: NDArray[np.float32]


class Extractor(Stage[Scene]):
    """One item is a whole image; one row a person."""

    version = 2
    unit = Granularity.IMAGE
    granularity = Granularity.PERSON

    class Config(Settings):
        """min_face: side of the least face looked for, in searched pixels. max_side: an image with a longer side is
        searched at this size; crops are still cut from the whole image. thresholds: of the three networks.
        proxy: what stands in for a face that was not found.
        """

        min_face: int = Field(default=MIN_FACE, ge=12)
        max_side: int = Field(default=MAX_SIDE, ge=64)
        thresholds: tuple[float, float, float] = THRESHOLDS
        proxy: Literal["none", "black", "head", "box"] = "none"

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 8
        self.detector = Detector(config.min_face, config.max_side, config.thresholds)

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {
            "crop": ArraySpec((CROP, CROP, 3), "uint8", "RGB, aligned by the landmarks; a proxy is not aligned"),
            "box": ArraySpec((4,), "float32", "xyxy in image pixels", np.nan),
            "landmarks": ArraySpec((5, 2), "float32", "x, y in image pixels; eyes, nose, mouth's corners", np.nan),
            "confidence": ArraySpec((), "float32", "probability; 0 for a proxy", np.nan),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return (WEIGHTS,)

    def load(self, device: str, weights: Weights) -> None:
        self.detector.load(device, weights)

    def rows(self, item: Scene) -> int:
        return len(item.boxes)

    def prepare(self, photo: Photo) -> list[Scene | Failed]:
        return [Scene(self.detector.search(photo.image).pixels, photo.image, photo.boxes)]

    def run(self, items: Sequence[Scene]) -> Extracted:
        found = self.detector.detect([Search(item.pixels, item.image.size) for item in items])
        rows = [self._rows(item, faces) for item, faces in zip(items, found, strict=True)]
        arrays = {name: np.concatenate([arrays[name] for arrays, _ in rows]) for name in self.outputs}
        status = np.concatenate([status for _, status in rows])
        return Extracted(arrays, status, ["" if one == Status.OK else "no face in the person's box" for one in status])

    def describe(self, row: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """The face's box and the detector's confidence, 0 for a proxy."""
        box = [round(float(side), 1) for side in row["box"]]
        return {"box": box, "confidence": round(float(row["confidence"]), 4)}

    def _rows(self, scene: Scene, faces: Faces) -> tuple[dict[str, NDArray[np.generic]], NDArray[np.uint8]]:
        """Arrays and status of one image's persons."""
        owner = boxes.assign_faces(faces.boxes, scene.boxes)
        arrays = {name: spec.empty(len(owner)) for name, spec in self.outputs.items()}
        there = owner >= 0
        pixels = np.asarray(scene.image)
        for person, face in enumerate(owner):
            if face >= 0:
                matrix = boxes.similarity(faces.landmarks[face], TEMPLATE)
                arrays["crop"][person] = images.warp(pixels, matrix, (CROP, CROP), smooth=True)
                arrays["box"][person], arrays["landmarks"][person] = faces.boxes[face], faces.landmarks[face]
                arrays["confidence"][person] = faces.confidence[face]
            elif (region := self._proxy(scene.boxes[person])) is not None:
                there[person] = True
                arrays["box"][person], arrays["landmarks"][person], arrays["confidence"][person] = region, 0, 0
                if region.any():
                    x1, y1, x2, y2 = region.tolist()
                    arrays["crop"][person] = images.resize(scene.image, (CROP, CROP), (x1, y1, x2, y2))
        return arrays, np.where(there, Status.OK, Status.NO_FACE).astype(np.uint8)

    def _proxy(self, person: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """(4,) xyxy of what stands in for the face of ``person`` (4,), zeros for nothing but black; None for none."""
        if self.config.proxy == "none":
            return None
        if self.config.proxy == "black":
            return np.zeros(4, np.float32)
        return boxes.head_region(person) if self.config.proxy == "head" else person
