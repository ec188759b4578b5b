"""The picture of ``make predict`` takes what any stage says of a person, and loses nothing of the photograph."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.stages import pose_vector
from scripts.prediction import document
from scripts.prediction.draw import STRIP, draw

NO_FACE = {"status": "no_face", "reason": "none here"}
EMOTIONS = {"one_shot": {"Esteem": 0.7, "Yearning": 0.3}}


def told(*people: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A JSON of people, each with a box and what differs from somebody with emotions and without features."""
    usual = {"emotions": EMOTIONS, "reason": "", "features": {}}
    persons = [{"number": number} | usual | one for number, one in enumerate(people)]
    head = {"head": "sem_ib_dml", "dataset": "demo", "protocol": "cat-6:6"}
    return {"people": {}, "head": head, "untrained": [], "notes": [], "persons": persons} | more


def test_joints_that_are_only_counted_are_not_drawn() -> None:
    stage = pose_vector.Extractor(pose_vector.Extractor.Config())
    words = stage.describe({name: np.ones(array.shape) for name, array in stage.outputs.items()})
    plain = Image.new("RGB", (120, 100), "white")
    person = {"box": [20, 30, 60, 80], "emotions": None, "reason": "no head"}
    one, other = (draw(plain, told(person | {"features": kept})) for kept in ({}, {"pose_vector": words}))
    assert one.tobytes() == other.tobytes()
    assert one.tobytes() != draw(plain, told(person | {"features": {"pose": {"joints": [[40, 50, 1]]}}})).tobytes()


def test_limbs_and_a_silhouette_are_drawn_where_they_are() -> None:
    """Neck (20, 40) to mid-hip (80, 40); the right knee is not sure, so there is no thigh."""
    plain = Image.new("RGB", (200, 160), "white")
    joints = [[0.0, 0.0, 0.0] for _ in range(25)]
    joints[1], joints[8], joints[9], joints[10] = [20, 40, 1], [80, 40, 1], [80, 60, 1], [80, 120, 0.1]
    square = [[120, 90], [180, 90], [180, 150], [120, 150]]
    features = {"pose": {"joints": joints}, "mask": {"outline": [square], "person": 0.5}}
    drawn = np.asarray(draw(plain, told({"box": [100, 10, 190, 155], "features": features})))
    dark = (drawn != 255).any(2)
    assert dark[40, 20:80].all()
    assert dark[40:60, 80].all()
    assert not dark[70:, 80][:50].any()
    assert dark[95:145, 125:175].all()
    assert (drawn[95:145, 125:175, 0] > 200).all(), "the photograph is seen through it"


def test_what_a_face_shows_stands_beside_the_answer_and_without_a_head_alone() -> None:
    shares = {"expressions": {"happy": 0.9, "sad": 0.1}}
    one, other, none = told(
        {"box": [0, 0, 9, 9], "features": {"expression": shares}},
        {"box": [0, 0, 9, 9], "features": {"expression": shares}, "emotions": None, "reason": "no head"},
        {"box": [0, 0, 9, 9], "features": {"face": NO_FACE}, "emotions": None, "reason": "no head"},
        head=None,
    )["persons"]
    assert document.label(one, 1) == ["0: Esteem 70 %", "face: happy 90 %"]
    assert document.label(other, 2) == ["1: face: happy 90 %"]
    assert document.label(none, 2) == ["2: no face seen"]
    assert document.legend(other) == "1: face: happy 90 %"
    both = told(head=None) | {"persons": [other, none]}
    assert document.warnings(both) == []
    assert document.caption(both) == "No head was trained. Seen by networks: expression, face"
    told_lines = document.lines(Path("a.jpg"), both)
    assert told_lines == [
        "a.jpg: 2 people",
        "  1: expression happy 90.0 %, sad 10.0 %",
        "  2: face no_face (none here)",
    ]


def test_an_untrained_feature_draws_nothing_and_is_named_below() -> None:
    plain = Image.new("RGB", (300, 200), "white")
    person = {"box": [20, 30, 60, 80]}
    one = np.asarray(draw(plain, told(person)))
    other = np.asarray(draw(plain, told(person | {"features": {"pose": {"untrained": True}}}, untrained=["pose"])))
    np.testing.assert_array_equal(one[:200], other[:200])
    assert len(other) > len(one)


@pytest.mark.parametrize("source", ["stage", "people"])
def test_boxes_and_faces_are_outlined_and_a_proxy_is_no_face(source: str) -> None:
    plain = Image.new("RGB", (240, 200), "white")

    def drawn(confidence: float) -> np.ndarray:
        face = {"box": [130, 75, 140, 85], "confidence": confidence}
        person = {"box": [120, 70, 160, 180]}
        if source == "stage":
            return np.asarray(draw(plain, told(person | {"features": {"face": face}})))
        return np.asarray(draw(plain, told(person, people={"faces": [face]})))

    once = drawn(0.9)
    assert (once[70:180, 120] != 255).any(1).all()
    assert (once[75:85, 129] != 255).any(1).all()
    assert (once[75:85, 130:140] == 255).all()  # the face itself is left as it is
    assert (once[100:170, 165:] == 255).all()
    assert (drawn(0)[75:85, 126:130] == 255).all()


@pytest.mark.parametrize("size", [(120, 600), (640, 420), (60, 20), (9, 9), (2000, 40)])
def test_the_strip_is_below_the_photograph_and_holds_its_text(size: tuple[int, int]) -> None:
    width, height = size
    note = "the head was trained on the drawn scenes of demo, not on photographs: its answers mean nothing here"
    more = {"notes": [note], "untrained": ["image", "body"]}
    out = np.asarray(draw(Image.new("RGB", size, "white"), told(people={"reason": "no face"}, **more)))
    assert (out[:height, :width] == 255).all()
    assert out.shape[1] == max(width, 96)
    strip = out[height:]
    text = (strip != tuple(bytes.fromhex(STRIP[1:]))).any(2)
    assert text.any()
    border = np.concatenate([text[:2].ravel(), text[-2:].ravel(), text[:, :2].ravel(), text[:, -2:].ravel()])
    assert not border.any()


def test_where_only_numbers_have_room_the_answers_stand_below() -> None:
    crowd = [{"box": [10 * k, 2, 10 * k + 12, 60]} for k in range(20)]
    photo = Image.new("RGB", (212, 62), "white")
    assert draw(photo, told(*crowd)).height > 62 + 20 * 10
    assert draw(photo, told(*crowd[:1])).height < 62 + 40


def test_boxes_thinner_than_a_pixel_are_drawn() -> None:
    draw(Image.new("RGB", (9, 9)), told({"box": [3, 3, 3.00001, 3.2], "emotions": None, "reason": "broken: x"}))


def test_labels_lines_and_strip_have_one_number_for_somebody() -> None:
    one = told({"box": [0, 0, 9, 9]}, {"box": [0, 0, 9, 9], "emotions": None, "reason": "no_face: face: none"})
    assert [document.label(person, 2) for person in one["persons"]] == [
        ["0: Esteem 70 %", "Yearning 30 %"],
        ["1: no prediction"],
    ]
    assert [document.label(person, 0) for person in one["persons"]] == [["0"], ["1"]]
    assert document.legend(one["persons"][0]) == "0: Esteem 70 %, Yearning 30 %"
    assert document.warnings(one) == ["1: no prediction: no_face: face: none"]
