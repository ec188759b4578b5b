"""pose_vector against skeletons whose numbers were worked out by hand."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_pipeline import make_root

from cache.errors import ConfigError
from cache.spec import Status
from pipeline.running.recipes import DatasetConfig, recipes
from pipeline.stages.pose_vector import Extractor
from pipeline.weights.folder import Weights

BOX = np.array([100, 50, 300, 450], np.float32)
"""200 wide, 400 high."""
FRACTIONS = {  # BODY_25's name -> x, y in the box; what is not named was not found
    "nose": (0.5, 0.125),
    "neck": (0.5, 0.25),
    "right_shoulder": (0.25, 0.25),
    "left_shoulder": (0.75, 0.25),
    "right_wrist": (0.25, 0.5),
    "left_wrist": (0.75, 0.75),
    "hip": (0.5, 0.5),
    "right_hip": (0.375, 0.5),
    "left_hip": (0.625, 0.5),
    "right_ankle": (0.375, 1.0),
    "left_ankle": (0.625, 0.75),
}
LIMBS = [f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist")]
LEGS = [f"{side}_{part}" for side in ("right", "left") for part in ("hip", "knee", "ankle")]
HEAD = ["right_eye", "left_eye", "right_ear", "left_ear"]
FEET = ["left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"]
NAMES = ["nose", "neck", *LIMBS, "hip", *LEGS, *HEAD, *FEET]
"""OpenPose's BODY_25, from its documentation."""


def row(**scores: float) -> dict[str, Any]:
    """A row of ``pose``. scores: of joints by name; 0.9 of those not given."""
    body = np.full((25, 3), [7, 9, 0.05], np.float32)  # not found: anywhere, with a score under 10 %
    for name, (x, y) in FRACTIONS.items():
        body[NAMES.index(name)] = [100 + 200 * x, 50 + 400 * y, scores.get(name, 0.9)]
    hands = np.full((2, 21, 3), [7, 9, 0.09], np.float32)
    hands[0, 0] = [250, 350, 0.8]  # left: exactly at the left wrist
    hands[0, 8] = [260, 370, 0.8]  # (0.8, 0.8)
    hands[1, 20] = [140, 210, 0.1]  # right: (0.2, 0.4), at the threshold
    return {"body25": body, "hands": hands, "box": BOX}


def extracted(*rows: Mapping[str, Any], **settings: Any) -> dict[str, np.ndarray]:
    stage = Extractor(Extractor.Config(**settings))
    found = stage.extract([stage.derive({name: one[name] for name in stage.reads}) for one in rows])
    assert found.status.tolist() == [Status.OK] * len(rows)
    return found.arrays


def expected(**joints: tuple[float, float]) -> list[float]:
    """The body's 50 numbers: those given, else 0."""
    return [value for name in NAMES for value in joints.get(name, (0, 0))]


ABOUT_NOSE = {
    "neck": (0, 0.125),
    "right_shoulder": (-0.25, 0.125),
    "left_shoulder": (0.25, 0.125),
    "right_wrist": (-0.25, 0.375),
    "left_wrist": (0.25, 0.625),
    "hip": (0, 0.375),
    "right_hip": (-0.125, 0.375),
    "left_hip": (0.125, 0.375),
    "right_ankle": (-0.125, 0.875),
    "left_ankle": (0.125, 0.625),
}


def test_a_skeleton_by_hand() -> None:
    (vector,) = extracted(row())["vector"]
    assert vector.shape == (141,)
    np.testing.assert_allclose(vector[:50], expected(**ABOUT_NOSE), atol=1e-6)
    left, right = vector[50:92].reshape(21, 2), vector[92:134].reshape(21, 2)
    np.testing.assert_allclose(left[8], [0.05, 0.05], atol=1e-6)
    assert np.count_nonzero(left) == 2
    np.testing.assert_allclose(right[20], [-0.05, -0.1], atol=1e-6)
    assert np.count_nonzero(right) == 2
    centroid = (5.5 / 11, 5.375 / 11)
    """Of x: 0.5 0.5 0.25 0.75 0.25 0.75 0.5 0.375 0.625 0.375 0.625; of y: .125 .25 .25 .25 .5 .75 .5 .5 .5 1 .75."""
    distances = [
        (0.5 + 0.25) / 2,  # feet to hips: right straight down 0.5, left 0.25
        (0.25 + 0.5) / 2,  # hands to shoulders
        (math.hypot(0.25, 0.375) + math.hypot(0.25, 0.625)) / 2,  # hands to head
        math.hypot(centroid[0] - 0.5, centroid[1] - 0.5),
        math.hypot(0.25, 0.25),  # between the feet
        math.hypot(0.5, 0.25),  # between the hands
        0.25,  # neck to hip
    ]
    np.testing.assert_allclose(vector[134:], distances, atol=1e-6)


def test_what_was_seen_is_told() -> None:
    found = extracted(row(), row(nose=0.0999, left_wrist=0.0))
    assert found["seen"].tolist() == [[11, 2, 1], [9, 2, 1]]
    assert found["origins"].tolist() == [[1, 1, 1], [0, 0, 1]]
    np.testing.assert_array_equal(found["lma"], found["vector"][:, 134:])


def test_without_a_nose_or_a_wrist_the_corner_is_the_origin() -> None:
    (vector,) = extracted(row(nose=0.05, left_wrist=0.05))["vector"]
    body = {name: place for name, place in FRACTIONS.items() if name not in ("nose", "left_wrist")}
    np.testing.assert_allclose(vector[:50], expected(**body), atol=1e-6)
    left = vector[50:92].reshape(21, 2)
    np.testing.assert_allclose(left[[0, 8]], [[0.75, 0.75], [0.8, 0.8]], atol=1e-6)
    assert np.count_nonzero(left) == 4
    np.testing.assert_allclose(vector[92:134].reshape(21, 2)[20], [-0.05, -0.1], atol=1e-6)
    np.testing.assert_allclose(vector[135], 0.25, atol=1e-6)  # the right hand to its shoulder alone
    assert vector[[136, 139]].tolist() == [0, 0]  # no head; no second hand


def test_no_joint_at_all_gives_zeros() -> None:
    nothing = row()
    nothing["body25"][:, 2] = 0.099
    nothing["hands"][..., 2] = 0
    found = extracted(nothing, row())
    assert not found["vector"][0].any()
    assert found["seen"][0].tolist() == [0, 0, 0]
    assert found["vector"][1].any()


def test_moving_or_growing_the_whole_changes_nothing() -> None:
    moved = row()
    for name in ("body25", "hands"):
        moved[name][..., :2] = moved[name][..., :2] * [3, 2] + [11, -40]
    moved["box"] = BOX * [3, 2, 3, 2] + np.array([11, -40, 11, -40])
    one, other = extracted(row(), moved)["vector"]
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_source_without_hands_must_be_asked_for() -> None:
    """Halpe's 26 points: hands are zero only where the settings say so, and the row says it again."""
    halpe = {"body25": row()["body25"]}
    found = extracted(halpe, hands="zero", frame="joints")
    assert not found["vector"][0, 50:134].any()
    assert found["seen"].tolist() == [[11, 0, 0]]
    (wide,) = found["vector"]
    whole = {name: (2 * x, y / 0.875) for name, (x, y) in ABOUT_NOSE.items()}  # of 0.25..0.75 and 0.125..1
    np.testing.assert_allclose(wide[:50], expected(**whole), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "text"),
    [({}, "wants 'hands' of pose"), ({"hands": "zero"}, "wants 'box' of pose")],
)
def test_halpe_without_those_settings_is_refused(tmp_path: Path, settings: dict[str, Any], text: str) -> None:
    make_root(tmp_path)
    config = DatasetConfig(dataset="demo", stages={"pose": {"model": "rtmpose-t"}, "pose_vector": settings})
    with pytest.raises(ConfigError, match=text):
        recipes(config, [], Weights(tmp_path, untrained=True))


def test_whole_body_poses_fit(tmp_path: Path) -> None:
    config = DatasetConfig(dataset="demo", stages={"pose": {"model": "dwpose-t"}, "pose_vector": {}})
    assert [made.feature for made in recipes(config, [], Weights(tmp_path, untrained=True))] == ["pose", "pose_vector"]


def test_one_joint_alone() -> None:
    alone = {"body25": np.zeros((25, 3), np.float32)}
    alone["body25"][4] = [30, 40, 1]
    found = extracted(alone, hands="zero", frame="joints")
    assert not found["vector"].any()
    assert found["seen"].tolist() == [[1, 0, 0]]


def test_in_words() -> None:
    stage = Extractor(Extractor.Config())
    found = extracted(row())
    words = stage.describe({name: array[0] for name, array in found.items()})
    assert words["joints_seen"] == {"body": 11, "left_hand": 2, "right_hand": 1}
    assert "joints" not in words, "that is a list of places to whoever draws them"
    assert words["distances"]["torso_height"] == 0.25
