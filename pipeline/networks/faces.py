"""Where the faces of an image are: the only user of MTCNN, for the `face` stage and for data sets that name no boxes.

Source: MTCNN (Zhang et al. 2016) by facenet-pytorch, whose trained weights ship with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.decoding import images
from pipeline.networks.cascade import Cascade
from pipeline.stage import deploy

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

WEIGHTS = "mtcnn"
PYRAMID_FACTOR = 0.709
MIN_FACE = 20
MAX_SIDE = 1024
THRESHOLDS = (0.6, 0.7, 0.7)


class Search(NamedTuple):
    """pixels: (h, w, 3) uint8 RGB, what is searched. size: width and height of the whole image."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int]


class Faces(NamedTuple):
    """boxes (f, 4) xyxy and landmarks (f, 5, 2) in pixels of the whole image; confidence (f,). f may be 0."""

    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    confidence: NDArray[np.float32]

    def largest(self) -> int | None:
        """The face whose box has the greatest area, as MTCNN's ``select_largest``; None where there is none."""
        areas = (self.boxes[:, 2:] - self.boxes[:, :2]).prod(axis=1)
        return int(areas.argmax()) if (areas > 0).any() else None


class Detector:
    """MTCNN with its settings; safe in many threads at once after ``load``.

    min_face: side of the least face looked for, in searched pixels. max_side: an image with a longer side is searched
    at this size. thresholds: of the three networks.
    """

    def __init__(
        self,
        min_face: int = MIN_FACE,
        max_side: int = MAX_SIDE,
        thresholds: tuple[float, float, float] = THRESHOLDS,
    ) -> None:
        self.min_face, self.max_side, self.thresholds = min_face, max_side, thresholds

    def load(self, device: str, weights: Weights) -> None:
        """Raises: WeightsError, ConfigError for a device that is not there."""
        from facenet_pytorch.models import mtcnn
        from torch import nn

        nets = nn.ModuleDict({"pnet": mtcnn.PNet(False), "rnet": mtcnn.RNet(False), "onet": mtcnn.ONet(False)})
        weights.load_into(WEIGHTS, nets)
        self.nets: Any = deploy(nets, device)
        self.device = device

    def search(self, image: Image.Image) -> Search:
        """``image`` (RGB) as it will be searched: smaller where it is larger than ``max_side``."""
        scale = self.max_side / max(image.size)
        if scale >= 1:
            return Search(np.array(image), image.size)
        size = max(1, round(image.height * scale)), max(1, round(image.width * scale))
        return Search(images.resize(image, size), image.size)

    def detect(self, searches: Sequence[Search]) -> list[Faces]:
        """The faces of each image, in its own pixels; images of one size share a batch. None gives none."""
        found: dict[int, Faces] = {}
        for group in _same_size(searches):
            found |= dict(zip(group, self._detect([searches[index] for index in group]), strict=True))
        return [found[index] for index in range(len(searches))]

    def _detect(self, searches: Sequence[Search]) -> list[Faces]:
        """Of images of one size."""
        import torch

        pixels = np.stack([search.pixels for search in searches])
        if min(pixels.shape[1:3]) < self.min_face:  # no level of the pyramid is left, which MTCNN does not expect
            return [_whole(search, np.zeros((0, 5)), np.zeros((0, 5, 2))) for search in searches]
        with torch.inference_mode():
            found = Cascade(pixels, self.nets, self.device).run(self.min_face, PYRAMID_FACTOR, self.thresholds)
        return [_whole(search, *one) for search, one in zip(searches, found, strict=True)]


def _same_size(searches: Sequence[Search]) -> Iterator[list[int]]:
    """Indices, grouped by the size of what is searched."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, search in enumerate(searches):
        groups.setdefault(search.pixels.shape, []).append(index)
    return iter(groups.values())


def _whole(search: Search, found: NDArray[np.generic], landmarks: NDArray[np.generic]) -> Faces:
    """What MTCNN found in the searched pixels, in those of the whole image; boxes end at its edges."""
    width, height = search.size
    scale = np.array([width / search.pixels.shape[1], height / search.pixels.shape[0]])
    rows = np.asarray(found, np.float64).reshape(-1, 5)
    inside = np.clip(rows[:, :4] * np.tile(scale, 2), 0, [width, height, width, height])
    points = np.asarray(landmarks, np.float64).reshape(-1, 5, 2) * scale
    return Faces(inside.astype(np.float32), points.astype(np.float32), rows[:, 4].astype(np.float32))
