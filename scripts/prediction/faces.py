"""Faces of a photograph by MTCNN, whose trained weights come with its package."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.errors import DataError
from pipeline.networks import faces
from pipeline.networks.faces import Faces
from pipeline.weights.folder import Weights

CURE = 'Give BOXES="x1,y1,x2,y2"'


class FaceFinder:
    """MTCNN, loaded."""

    def __init__(self, device: str) -> None:
        """Raises: WeightsError, ConfigError."""
        self._detector = faces.Detector()
        self._detector.load(device, Weights(Path()))  # never untrained, whatever else is

    def find(self, path: Path, image: Image.Image) -> Faces:
        """From left to right, as one reads a picture. Raises: DataError for an image that cannot be looked at."""
        try:
            (found,) = self._detector.detect([self._detector.search(image)])
        except (RuntimeError, ValueError, MemoryError) as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise DataError(f"{path}: faces cannot be looked for: {why}. {CURE}") from None
        seen = [face for face in np.argsort(found.boxes[:, 0], kind="stable") if _area(found.boxes[face]) > 0]
        return Faces(found.boxes[seen], found.landmarks[seen], found.confidence[seen])


def told(found: Faces, face: int) -> dict[str, Any]:
    """A face for JSON."""
    box = [round(float(side), 2) for side in found.boxes[face]]
    return {"box": box, "confidence": round(float(found.confidence[face]), 4)}


def _area(box: NDArray[np.float32]) -> float:
    return float((box[2:] - box[:2]).prod())
