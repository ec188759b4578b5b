"""face: each person's own face, aligned, with its box, five landmarks and the detector's confidence.

Faces are looked for once in the whole image and then given to the persons one to one, so that a person who shows no
face gets none, and never a neighbour's. The crop is aligned by the landmarks: the similarity transform that takes
them closest to their places in ArcFace's template, drawn for 112 x 112 and scaled to 160 x 160.
Source: MTCNN (Zhang et al. 2016) by facenet-pytorch; template: ArcFace (Deng et al. 2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from cache.config import Settings
from cache.spec import ArraySpec, Granularity, Status
from pipeline import boxes, images
from pipeline.stage import Extracted, Failed, Photo, Stage, deploy

if TYPE_CHECKING:
    from pipeline.weights import Weights

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


class Faces(NamedTuple):
    """boxes (f, 4), landmarks (f, 5, 2) in image pixels; confidence (f,)."""

    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    confidence: NDArray[np.float32]


class Extractor(Stage[Scene]):
    """One item is a whole image; one row a person."""

    version = 1
    unit = Granularity.IMAGE
    granularity = Granularity.PERSON

    class Config(Settings):
        """min_face: side of the least face looked for, in searched pixels. max_side: an image with a longer side is
        searched at this size; crops are still cut from the whole image. thresholds: of the three networks.
        """

        min_face: int = Field(default=20, ge=12)
        max_side: int = Field(default=1024, ge=64)
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self.batch_size = 8

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {
            "crop": ArraySpec((CROP, CROP, 3), "uint8", "RGB, aligned by the landmarks"),
            "box": ArraySpec((4,), "float32", "xyxy in image pixels", np.nan),
            "landmarks": ArraySpec((5, 2), "float32", "x, y in image pixels; eyes, nose, mouth's corners", np.nan),
            "confidence": ArraySpec((), "float32", "probability", np.nan),
        }

    @property
    def weights(self) -> tuple[str, ...]:
        return ("mtcnn",)

    def load(self, device: str, weights: Weights) -> None:
        from facenet_pytorch.models import mtcnn
        from torch import nn

        nets = nn.ModuleDict({"pnet": mtcnn.PNet(False), "rnet": mtcnn.RNet(False), "onet": mtcnn.ONet(False)})
        weights.load_into("mtcnn", nets)
        self.nets: Any = deploy(nets, device)
        self.device = device

    def rows(self, item: Scene) -> int:
        return len(item.boxes)

    def prepare(self, photo: Photo) -> list[Scene | Failed]:
        image = photo.image
        scale = self.config.max_side / max(image.size)
        if scale >= 1:
            return [Scene(np.array(image), image, photo.boxes)]
        size = max(1, round(image.height * scale)), max(1, round(image.width * scale))
        return [Scene(images.resize(image, size), image, photo.boxes)]

    def run(self, items: Sequence[Scene]) -> Extracted:
        found: dict[int, Faces] = {}
        for group in _same_size(items):
            found |= dict(zip(group, self._detect([items[index] for index in group]), strict=True))
        rows = [self._rows(item, found[index]) for index, item in enumerate(items)]
        arrays = {name: np.concatenate([arrays[name] for arrays, _ in rows]) for name in self.outputs}
        status = np.concatenate([status for _, status in rows])
        return Extracted(arrays, status, ["" if one == Status.OK else "no face in the person's box" for one in status])

    def _detect(self, scenes: Sequence[Scene]) -> list[Faces]:
        """The faces of images of one size."""
        import torch
        from facenet_pytorch.models.utils.detect_face import detect_face

        pixels = np.stack([scene.pixels for scene in scenes])
        if (
            min(pixels.shape[1:3]) < self.config.min_face
        ):  # no level of the pyramid is left, which MTCNN does not expect
            return [_faces(scene, np.zeros((0, 5)), np.zeros((0, 5, 2))) for scene in scenes]
        nets, thresholds = (self.nets[name] for name in ("pnet", "rnet", "onet")), list(self.config.thresholds)
        with torch.inference_mode():
            found = detect_face(pixels, self.config.min_face, *nets, thresholds, PYRAMID_FACTOR, self.device)
        return [_faces(scene, *one) for scene, *one in zip(scenes, *found, strict=True)]

    def _rows(self, scene: Scene, faces: Faces) -> tuple[dict[str, NDArray[np.generic]], NDArray[np.uint8]]:
        """Arrays and status of one image's persons."""
        owner = boxes.assign_faces(faces.boxes, scene.boxes)
        arrays = {name: spec.empty(len(owner)) for name, spec in self.outputs.items()}
        pixels = np.asarray(scene.image)
        for person, face in enumerate(owner):
            if face >= 0:
                matrix = boxes.similarity(faces.landmarks[face], TEMPLATE)
                arrays["crop"][person] = images.warp(pixels, matrix, (CROP, CROP), smooth=True)
                arrays["box"][person], arrays["landmarks"][person] = faces.boxes[face], faces.landmarks[face]
                arrays["confidence"][person] = faces.confidence[face]
        return arrays, np.where(owner < 0, Status.NO_FACE, Status.OK).astype(np.uint8)


def _same_size(items: Sequence[Scene]) -> Iterator[list[int]]:
    """Indices of the items, grouped by the size of what is searched."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, item in enumerate(items):
        groups.setdefault(item.pixels.shape, []).append(index)
    return iter(groups.values())


def _faces(scene: Scene, found: NDArray[np.generic], landmarks: NDArray[np.generic]) -> Faces:
    """What MTCNN found in the searched pixels, in image pixels; boxes end at the image's edges."""
    width, height = scene.image.size
    scale = np.array([width / scene.pixels.shape[1], height / scene.pixels.shape[0]])
    rows = np.asarray(found, np.float64).reshape(-1, 5)
    inside = np.clip(rows[:, :4] * np.tile(scale, 2), 0, [width, height, width, height])
    points = np.asarray(landmarks, np.float64).reshape(-1, 5, 2) * scale
    return Faces(inside.astype(np.float32), points.astype(np.float32), rows[:, 4].astype(np.float32))
