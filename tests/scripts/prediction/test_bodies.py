"""People by bodies: the detector's first, then whoever has a face that is nobody's yet; boxes are silhouettes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.decoding.boxes import body_region
from pipeline.decoding.regions import Region
from pipeline.networks.blazepose import Body, Candidates
from pipeline.networks.faces import Faces
from pipeline.weights.folder import Weights
from scripts.prediction import bodies
from scripts.prediction.bodies import ByBodies, extent

SIZE = (400, 300)
SEEN = np.ones(39)


def body(score: float = 1.0, share: float = 0.5, joints: float = 0.5) -> Body:
    """Whose silhouette is the middle ``share`` of the square, each way, and whose joints are all at one place."""
    mask, half = np.full((256, 256), -9.0), round(128 * share)
    mask[128 - half : 128 + half, 128 - half : 128 + half] = 9
    return Body(np.full((39, 2), joints), SEEN, SEEN, score, np.zeros((39, 3)), mask)


class Networks:
    """In place of BlazePose. points: of the detector, in image pixels. of_face: what is seen of any face."""

    def __init__(self, points: list[Any], of_face: tuple[Region, Body]) -> None:
        self.points, self.of_face = np.reshape(points, (-1, 4, 2)), of_face
        self.detector = self.landmarks = self

    def load(self, weights: Weights) -> None:
        pass

    def find(self, seen: Any) -> Any:
        if isinstance(seen, bodies.Seen):
            return self.of_face
        if len(seen) == 224:  # the photograph in a square about its middle
            return Candidates(np.full(len(self.points), 0.8), np.zeros((0, 4)), (self.points - (0, -50)) / 400)
        return body()


def found(monkeypatch: pytest.MonkeyPatch, networks: Networks, *faces: list[int]) -> tuple[Any, Any]:
    boxes = np.array(faces, np.float32).reshape(-1, 4)
    seen = Faces(boxes, np.zeros((len(boxes), 5, 2), np.float32), np.full(len(boxes), 0.9, np.float32))
    monkeypatch.setattr(bodies, "Estimator", lambda: networks)
    monkeypatch.setattr(bodies, "FaceFinder", lambda _: type("F", (), {"find": lambda *_: seen})())
    return ByBodies(Weights(Path()), "cpu").find(Path("a.jpg"), Image.new("RGB", SIZE))


HIPS = [(300, 150), (300, 110), (0, 0), (0, 0)]
"""The square of landmarks has a side of 2.5 x 40 about the hips; the silhouette is the middle half of it."""
FACE = [60, 40, 80, 64]
BY_FACE = Region(70, 110, 160), body(share=0.75)


def test_the_box_is_that_of_the_silhouette_and_people_go_from_left_to_right(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, how = found(monkeypatch, Networks([HIPS], BY_FACE), FACE)
    np.testing.assert_allclose(boxes, [[10, 50, 130, 170], [275, 125, 325, 175]], atol=0.5)
    assert how[0] == {"by": "face", "face": {"box": FACE, "confidence": 0.9}}
    assert how[1] == {"by": "body", "score": 0.8}


@pytest.mark.parametrize(
    "of_face",
    [(Region(70, 110, 160), body(score=0.4)), (Region(300, 150, 100), body()), (Region(70, 250, 100), body())],
    ids=["nobody is seen", "a person who is known", "somebody without this face"],
)
def test_a_face_without_a_body_of_its_own_has_a_guessed_one(
    monkeypatch: pytest.MonkeyPatch, of_face: tuple[Region, Body]
) -> None:
    boxes, how = found(monkeypatch, Networks([HIPS], of_face), FACE)
    np.testing.assert_array_equal(boxes[0], body_region(np.array(FACE), *SIZE))
    assert [one["by"] for one in how] == ["guess", "body"]


def test_somebody_found_twice_or_whose_face_is_seen_too_is_one_person(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, how = found(monkeypatch, Networks([HIPS, HIPS], BY_FACE), [290, 126, 310, 146])
    assert len(boxes) == 1
    assert how[0]["by"] == "body"
    assert found(monkeypatch, Networks([], BY_FACE))[0].shape == (0, 4)


def test_joints_beyond_the_silhouette_widen_the_box_and_the_image_ends_it() -> None:
    wide = extent(body(joints=0.95), Region(100, 100, 100), 170, 120)
    assert wide == pytest.approx((75, 75, 145, 120), abs=0.5)
    assert extent(body(0.4), Region(100, 100, 100), 170, 120) is None
    assert extent(body(), Region(-100, 100, 100), 170, 120) is None
