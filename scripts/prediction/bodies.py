"""People by their bodies: BlazePose's detector on the whole photograph, and MTCNN for those it misses.

The detector sees the photograph as 224 x 224 pixels and was trained for one person or few who are near: of 12 people in
four of COCO's photographs, most in sports, it finds three. A face of nobody found leads to a body: BlazePose looks
where one of usual proportions would be; that brings four more. Boxes are those of the silhouettes that it sees: the
IoU of the seven with the annotated boxes is 0.77 to 0.97, 0.88 in the mean. Who is far away and shows no face is
missed.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.decoding import regions
from pipeline.decoding.boxes import assign_faces, body_region, clamp, head_match, too_small
from pipeline.decoding.outlines import outlines
from pipeline.decoding.regions import Region
from pipeline.networks import blazepose
from pipeline.networks.blazepose import CERTAIN, Body
from pipeline.networks.faces import Faces
from pipeline.stages._blazepose import Estimator, Seen
from pipeline.weights.folder import Weights
from scripts.prediction.faces import FaceFinder, told
from scripts.prediction.people import Boxes

SAME_PERSON = 0.6
"""Least IoU of two boxes that are of one person."""
BODY, FACE, GUESS = "body", "face", "guess"
"""How somebody came about: by the detector, by a face that led to a body, by a face alone with a guessed body."""


class Person(NamedTuple):
    """box: (4,) inside the image. how: for JSON, ``by`` and how sure it is."""

    box: NDArray[np.float64]
    how: dict[str, Any]


class ByBodies:
    """Finds people from left to right."""

    def __init__(self, weights: Weights, device: str) -> None:
        """device: of MTCNN; BlazePose runs on the CPU. Raises: WeightsError, ConfigError."""
        self._blazepose = Estimator()
        self._blazepose.load(weights)
        self._faces = FaceFinder(device)

    def find(self, path: Path, image: Image.Image) -> tuple[Boxes, list[dict[str, Any]]]:
        """Boxes (p, 4) of the people of ``image``, and how each came about. Raises: DataError."""
        pixels = np.asarray(image)
        found = self._detected(pixels)
        faces = self._faces.find(path, image)
        found += [self._of_face(pixels, faces, face, found) for face in _free(faces, found)]
        found.sort(key=lambda person: float(person.box[0]))
        return np.array([one.box for one in found], np.float32).reshape(-1, 4), [one.how for one in found]

    def _detected(self, pixels: NDArray[np.uint8]) -> list[Person]:
        """Those of the detector whom the landmarks' network sees too, the surest first."""
        whole = regions.about(np.array([0, 0, pixels.shape[1], pixels.shape[0]]), 1.0)
        seen = self._blazepose.detector.find(regions.cut(pixels, whole, blazepose.SEARCHED))
        found: list[Person] = []
        for score, points in zip(seen.scores, whole.to_image(seen.points), strict=True):
            if (region := blazepose.region_of(points[:2])) is None:
                continue
            body = self._blazepose.landmarks.find(regions.cut(pixels, region, blazepose.SIDE))
            box = extent(body, region, pixels.shape[1], pixels.shape[0])
            if box is not None and not _known(box, found):
                found.append(Person(box, {"by": BODY, "score": round(float(score), 4)}))
        return found

    def _of_face(self, pixels: NDArray[np.uint8], faces: Faces, face: int, found: list[Person]) -> Person:
        """Who has the face, with the body that BlazePose sees; guessed where that is none, or another's."""
        height, width = pixels.shape[:2]
        guess = body_region(faces.boxes[face], width, height)
        region, body = self._blazepose.find(Seen(pixels, guess))
        box = extent(body, region, width, height)
        by = FACE
        if box is None or _known(box, found) or not head_match(faces.boxes[face, None], box[None]).any():
            box, by = guess.astype(np.float64), GUESS
        return Person(box, {"by": by, "face": told(faces, face)})


def extent(body: Body, region: Region, width: int, height: int) -> NDArray[np.float64] | None:
    """(4,) the box of a body's silhouette and of its visible joints, inside the image; None where nobody is sure to be,
    or hardly a pixel of them."""
    if body.score < CERTAIN:
        return None
    seen = (np.minimum(body.visible, body.present) >= CERTAIN)[: blazepose.JOINTS]
    joints = region.to_image(body.places[: blazepose.JOINTS][seen])
    mask = np.rint(255 * blazepose.sigmoid(body.mask)).astype(np.uint8)
    points = np.concatenate([joints, *outlines(mask, region)])
    if not len(points):
        return None
    box = clamp(np.concatenate([points.min(0), points.max(0)]), width, height)
    return None if too_small(box.tolist()) else box


def _known(box: NDArray[np.floating], found: list[Person]) -> bool:
    return bool(found) and bool((blazepose.overlap(box, _boxes(found)) >= SAME_PERSON).any())


def _free(faces: Faces, found: list[Person]) -> list[int]:
    """The faces of nobody in ``found``."""
    taken = assign_faces(faces.boxes, _boxes(found))
    return [face for face in range(len(faces.boxes)) if face not in taken]


def _boxes(found: list[Person]) -> NDArray[np.float64]:
    return np.array([one.box for one in found], np.float64).reshape(-1, 4)
