"""Images with all their people: who is in which, where, as what; chance; and what several models say together."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_features import manifest_of

from cache.config import build
from cache.errors import ConfigError
from cache.manifest import Row
from heads.head import BOXES, PEOPLE_CLASS, PEOPLE_FLAGS, Output
from heads.known_protocols import find
from heads.protocols._boxes.finds import fuse
from heads.protocols._boxes.trial import PeopleTrial
from heads.protocols.boxes import Judging

PROTOCOL = find("boxes")


def person(image: str, number: int, split: str, *classes: str, left: float = 0.0, **beyond: object) -> Row:
    """In a box 10 wide and 20 high of an image of 100 x 40."""
    box = (left, 10.0, left + 10, 30.0)
    made = Row(f"{image}.jpg", number, split, box=box, original_box=box, size=(100, 40), categories=classes)
    return replace(made, **beyond)  # type: ignore[arg-type]


ROWS = [
    person("a", 0, "train", "Anger", status="no_label", reason="planted"),
    person("a", 1, "train", "Fear", left=10),
    person("b", 0, "val", "Anger"),
    person("a", 2, "train", "Anger", left=50),
    person("c", 0, "test", "Fear", left=20),
    person("c", 1, "test", "Pain", left=30),
    person("c", 2, "test", "Anger", left=40),
    person("d", 0, "test", "Pain"),
    person("e", 0, "test", "Fear"),
    person("f", 0, "test"),
]
"""Nobody in training is in pain, so an image of nobody else has no part, nor has one of people without a label."""


def test_an_image_is_the_row_of_its_first_usable_person_with_all_of_them_in_shares_of_it() -> None:
    task = PROTOCOL.task(manifest_of(ROWS))
    assert [rows.tolist() for rows in (task.train, task.val, task.test)] == [[1], [2], [4, 8]]
    assert task.classes == ("Anger", "Fear")
    boxes = task.targets[BOXES]
    assert (boxes.shape, boxes.dtype) == ((10, 2, 4), np.float32)
    np.testing.assert_allclose(boxes[1], [[0.1, 0.25, 0.2, 0.75], [0.5, 0.25, 0.6, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(boxes[4][:, 0], [0.2, 0.4], rtol=1e-6)
    assert np.isnan(boxes[2][1]).all()
    assert np.isnan(boxes[[0, 3, 5, 6, 7, 9]]).all(), "these stand for no image"
    assert task.targets[PEOPLE_CLASS].tolist() == [
        *([-1, -1], [1, 0], [0, -1], [-1, -1], [1, 0]),
        *([-1, -1], [-1, -1], [-1, -1], [1, -1], [-1, -1]),
    ]
    assert task.sizes == {BOXES: 2, PEOPLE_CLASS: 2}
    assert task.given == (BOXES, PEOPLE_CLASS)
    told = PROTOCOL.described(manifest_of(ROWS), task)
    assert told["about"] == "2 classes, one a person"
    images = "train 1 images with 2 people; val 1 images with 1 people; test 2 images with 3 people"
    assert f"A sample is an image: {images}; 2 at most in one. Each person has one class." in told["notes"]
    assert any("2 images have no usable person" in note for note in told["notes"])
    assert PROTOCOL.truth(task, 4) == "Anger, Fear"


def test_one_person_with_two_classes_makes_all_of_them_flags() -> None:
    rows = [*ROWS, person("g", 0, "train", "Anger", "Fear"), person("g", 1, "test", "Fear")]
    task = PROTOCOL.task(manifest_of(rows))
    assert PEOPLE_CLASS not in task.targets
    assert task.targets[PEOPLE_FLAGS].dtype == np.float32
    assert task.targets[PEOPLE_FLAGS][4].tolist() == [[0, 1], [1, 0]]
    assert task.targets[PEOPLE_FLAGS][10].tolist() == [[1, 1], [0, 0]], "its other person is of another split"
    assert task.test.tolist() == [4, 8, 11]
    assert task.about["labels"] == PEOPLE_FLAGS


def test_clips_are_refused() -> None:
    rows = [replace(row, span=(0, 9)) for row in ROWS]
    with pytest.raises(ConfigError, match=r"^demo: has clips; boxes are learned of photographs"):
        PROTOCOL.task(manifest_of(rows))
    assert PROTOCOL.mapped(manifest_of(rows), None) is None


def trial(**settings: object) -> PeopleTrial:
    task = PROTOCOL.task(manifest_of(ROWS))
    found = PROTOCOL.test(task, build(Judging, settings, "test"))
    assert isinstance(found, PeopleTrial)
    return found


def test_an_epoch_is_chosen_by_the_least_loss_or_by_a_metric() -> None:
    """Anger is 0, Fear 1; the people are those of ``c`` and of ``e``."""
    people = torch.tensor([[[[0.0, 2], [2, 0]], [[1, 1], [0, 0]]], [[[2.0, 0], [0, 2]], [[1, 1], [0, 0]]]])
    output = Output(people=people, cost=torch.tensor([[[1.0], [2]], [[4], [0.5]]]))
    np.testing.assert_allclose(trial().score(output), [-1.5, -2.25])
    fear = (1 + 1) / 2, (1 / 2 + 2 / 3) / 2
    np.testing.assert_allclose(trial(chosen_by="er").score(output), [(1 + fear[0]) / 2, (1 / 3 + fear[1]) / 2])
    with pytest.raises(ConfigError, match=r"^chosen_by = loss: the head tells no loss of an image"):
        trial().score(output._replace(cost=None))
    with pytest.raises(ConfigError, match=r"^chosen_by = PD AP: the head finds nobody"):
        trial(chosen_by="pd").score(output)
    with pytest.raises(ConfigError, match=r"chosen_by: value error, must be loss, or a file of .*: er, oer, pd, pd_50"):
        trial(chosen_by="map")


def test_chance_is_the_share_of_each_class_and_the_mean_box_of_training() -> None:
    """By hand: Anger has one of three, Fear two; the mean box is 0.3 to 0.4, and so is none of the test people's."""
    task = PROTOCOL.task(manifest_of(ROWS))
    found = {one.name: one.values for one in PROTOCOL.levels(manifest_of(ROWS), task, Judging())}
    assert found["label_frequency"] == pytest.approx({"er": (1 / 3 + 2 / 3) / 2, "oer": 0, "pd": 0, "pd_50": 0})
    rows = [*ROWS, person("g", 0, "test", "Fear", left=30)]
    task = PROTOCOL.task(manifest_of(rows))
    found = {one.name: one.values for one in PROTOCOL.levels(manifest_of(rows), task, Judging())}
    pd = np.mean([1 / 3 if recall <= 0.25 else 0 for recall in np.arange(101) / 100])
    assert found["label_frequency"] == pytest.approx(
        {"er": (1 / 4 + 3 / 4) / 2, "oer": (0 + 1 / 3) / 2, "pd": pd, "pd_50": pd}
    )
    assert found["chance"]["oer"] == pytest.approx(found["label_frequency"]["oer"])


def test_models_agree_on_a_person_by_overlap_and_whoever_one_of_three_saw_counts_a_third() -> None:
    left, right = np.array([0.0, 0, 0.4, 1]), np.array([0.6, 0, 1, 1])
    boxes = np.zeros((3, 1, 2, 4))
    scores = np.array([[[0.9, 0.6]], [[0.5, 0.3]], [[0.0, 0.4]]])
    boxes[0, 0], boxes[1, 0], boxes[2, 0] = [left, right], [right, left + 0.02], [left, left - 0.02]
    shares = np.arange(6.0).reshape(3, 1, 2, 1) / 10
    found = fuse(boxes, scores, shares, 0.3)
    np.testing.assert_allclose(found.scores, [[1.6 / 3, 1.1 / 3]])
    np.testing.assert_allclose(found.boxes[0, 0], (0.9 * left + 0.3 * (left + 0.02) + 0.4 * (left - 0.02)) / 1.6)
    np.testing.assert_allclose(found.boxes[0, 1], right)
    np.testing.assert_allclose(found.shares[0, :, 0], [(0.3 * 0.3 + 0.4 * 0.5) / 1.6, (0.6 * 0.1 + 0.5 * 0.2) / 1.1])
    np.testing.assert_allclose(fuse(boxes, scores, shares, 0.4).scores, [[1.6 / 3, 0]])
    assert not fuse(boxes, scores * 0, shares, 0.1).scores.any()


@pytest.mark.parametrize(("kind", "named"), [(PEOPLE_CLASS, [[True, True], [False, False]]),
                                             (PEOPLE_FLAGS, [[True, False], [False, False]])])  # fmt: skip
def test_what_is_said_of_an_image_is_what_is_said_of_its_people(kind: str, named: list[list[bool]]) -> None:
    about = {"classes": ["Anger", "Fear"], "labels": kind}
    told = torch.tensor([[2.0, -1], [-3, -2], [5, 5]])
    boxes = torch.tensor([[0.0, 0, 0.4, 1, 0.9], [0.6, 0, 1, 1, 0.8], [0, 0, 1, 1, 0.1]])
    found = torch.stack([torch.cat([boxes, told], 1), torch.cat([boxes * 0, told], 1)])[None]
    settings = Judging()
    finds = PROTOCOL.finds({}, about, settings, Output(found=found))
    assert finds is not None
    torch.testing.assert_close(finds.scores, torch.tensor([[0.9, 0.8, 0], [0, 0, 0]]))
    torch.testing.assert_close(finds.boxes[0, :2], boxes[:2, :4])
    share = torch.softmax if kind == PEOPLE_CLASS else lambda x, _: torch.sigmoid(x)
    torch.testing.assert_close(finds.answer.shares[:2], share(told[:2], -1))
    (answer,) = PROTOCOL.answers({}, about, settings, Output(found=found))
    assert answer.named is not None
    assert answer.named.tolist() == named
    torch.testing.assert_close(answer.shares[0], share(told[:2], -1).amax(0))
    nan = torch.full((1, 2), torch.nan)
    people = torch.stack([torch.cat([told[:2], nan]), nan.expand(3, 2)])[None]
    (again,) = PROTOCOL.answers({}, about, settings, Output(people=people))
    assert again.named is not None
    assert again.named.tolist() == named
    torch.testing.assert_close(again.shares, answer.shares)
    assert PROTOCOL.finds({}, about, settings, Output(people=people)) is None
    with pytest.raises(ConfigError, match="finds nobody itself and was given no boxes"):
        PROTOCOL.answers({}, about, settings, Output())
