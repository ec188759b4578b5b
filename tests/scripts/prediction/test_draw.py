"""The picture of ``make predict`` takes what any stage says of a person, and loses nothing of the photograph."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.stages import pose_vector
from scripts.prediction import document
from scripts.prediction.draw import STRIP, draw

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
