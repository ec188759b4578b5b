"""Which way people are found, and what is said of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cache.errors import AffectError
from pipeline.decoding.boxes import body_region
from pipeline.networks import faces
from pipeline.running.recipes import DatasetConfig
from pipeline.weights.folder import Weights
from scripts.prediction import finding, people
from scripts.prediction.document import document, lines
from scripts.prediction.finding import Finder, Found

SIZE = (400, 300)
PHOTO = Image.new("RGB", SIZE)
RIGHT, LEFT, EMPTY = [200, 40, 220, 64], [50, 30, 70, 54], [90, 0, 90, 9]


class Seen:
    """In place of MTCNN: three faces, of which one has no area."""

    def load(self, device: str, weights: Weights) -> None:
        assert not weights.untrained

    def search(self, image: Image.Image) -> faces.Search:
        return faces.Search(np.zeros((300, 400, 3), np.uint8), image.size)

    def detect(self, searches: list[faces.Search]) -> list[faces.Faces]:
        boxes = np.array([RIGHT, EMPTY, LEFT], np.float32)
        return [faces.Faces(boxes, np.zeros((3, 5, 2), np.float32), np.array([0.9, 0.8, 0.99], np.float32))]


@pytest.fixture(autouse=True)
def no_mtcnn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "Detector", Seen)


def finder(
    folder: Path, way: str = "", said: list[str] | None = None, untrained: bool = False, **stages: Any
) -> Finder:
    config = DatasetConfig(dataset="table", stages={"body": {"stage": "backbone"}} | stages)
    say = (said if said is not None else []).append
    return Finder(way, None, "", None, config, Weights(folder, untrained), "cpu", say)


def test_boxes_that_the_edge_cuts_are_told(tmp_path: Path) -> None:
    """By more than two pixels, as a box beyond the edge by rounding is no matter."""
    one = finder(tmp_path)
    one.boxes = people.given(f"10,10,{SIZE[0] + 2},100 -3,10,90,100 10,10,90,100 10,10,90,{SIZE[1] + 50}")
    found = one.find(tmp_path / "a.jpg", PHOTO)
    assert found.how == {"boxes": "given", "clamped": [1, 3]}
    told = document(tmp_path / "a.jpg", SIZE, found, {"persons": []}, {}, [], [], False)
    note = "the boxes of people 1, 3 reach out of the image: what is in it is taken"
    assert told["notes"] == [note]
    assert f"  note: {note}" in lines(tmp_path / "a.jpg", told)


def test_bodies_of_faces_from_left_to_right(tmp_path: Path) -> None:
    found = finder(tmp_path, "faces").find(tmp_path / "a.jpg", PHOTO)
    np.testing.assert_array_equal(found.boxes, [body_region(np.array(face), *SIZE) for face in (LEFT, RIGHT)])
    assert found.how == {
        "boxes": "from faces",
        "faces": [{"box": LEFT, "confidence": 0.99}, {"box": RIGHT, "confidence": 0.9}],
    }


@pytest.mark.parametrize(
    ("untrained", "stages", "why"),
    [
        (False, {}, "the config of table has no [stages.objects] to find them with"),
        (False, {"objects": {"stage": "scene"}}, "the config of table has no [stages.objects] to find them with"),
        (False, {"objects": {}}, "the detector of [stages.objects] is untrained: weights fasterrcnn_resnet50_fpn are"),
        (True, {"objects": {}}, "the detector of [stages.objects] is untrained: weights fasterrcnn_resnet50_fpn are"),
        (True, {"objects": {"untrained": True}}, 'make weights DATASET=table STAGES="objects" fetches them'),
    ],
)
def test_without_a_trained_detector_faces_are_taken_and_it_is_said_once(
    tmp_path: Path, untrained: bool, stages: dict[str, Any], why: str
) -> None:
    said: list[str] = []
    one = finder(tmp_path, "", said, untrained, **stages)
    assert said == []
    for _ in range(2):
        found = one.find(tmp_path / "a.jpg", PHOTO)
        assert found.how["boxes"] == "from faces"
        assert why in found.how["why"]
    assert len(said) == 1
    assert said[0].startswith("people are found by their faces, for ")
    assert why in said[0]
    with pytest.raises(AffectError, match=r"^PEOPLE=objects: the .*\. Give BOXES=.*, or PEOPLE=faces$"):
        finder(tmp_path, "objects", said, untrained, **stages)


def test_a_trained_detector_is_taken_before_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = Found(finding.NONE, None, {"boxes": "detected"})
    monkeypatch.setattr(Weights, "trained", lambda *_: True)
    monkeypatch.setattr(finding, "recipes", lambda *_: ["objects"])
    monkeypatch.setattr(finding, "ByObjects", lambda *_: lambda *_: nobody)
    for way in ("", "objects"):
        assert finder(tmp_path, way, objects={}).find(tmp_path / "a.jpg", PHOTO) is nobody
    assert finder(tmp_path, "faces", objects={}).find(tmp_path / "a.jpg", PHOTO).how["boxes"] == "from faces"


def test_bodies_are_looked_for_before_faces_where_the_config_has_blazepose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nobody:
        def __init__(self, weights: Weights, device: str) -> None:
            pass

        def find(self, path: Path, image: Image.Image) -> tuple[Any, list[Any]]:
            return finding.NONE, []

    blazepose = {"skeleton": {"stage": "pose", "model": "blazepose-full"}}
    with pytest.raises(
        AffectError, match=r"^PEOPLE=pose: weights mediapipe/.* are absent \(make weights DATASET=table"
    ):
        finder(tmp_path, "pose", **blazepose)
    assert finder(tmp_path, **blazepose).find(tmp_path / "a.jpg", PHOTO).how["boxes"] == "from faces"
    monkeypatch.setattr(finding, "ByBodies", Nobody)
    monkeypatch.setattr(Weights, "trained", lambda *_: True)
    for way, stages in (("", blazepose), ("pose", {})):
        assert finder(tmp_path, way, **stages).find(tmp_path / "a.jpg", PHOTO).how == {
            "boxes": "from bodies",
            "persons": [],
            "reason": "neither a body (BlazePose) nor a face (MTCNN) was found in it",
        }
    assert finder(tmp_path, "").find(tmp_path / "a.jpg", PHOTO).how["boxes"] == "from faces"
