"""Stages of .tflite networks: joints by name, which person is meant, squares of hands and faces, silhouettes.

The networks here are small and untrained, made by ``small_tflite``; ``test_light_trained.py`` has the real ones.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import small_tflite
from PIL import Image

from cache.errors import ConfigError
from cache.spec import Status
from pipeline.decoding import regions
from pipeline.decoding.regions import Region
from pipeline.running.recipes import DatasetConfig, recipes
from pipeline.stage import Photo
from pipeline.stages import _blazepose, backbone, face_mesh, hands, pose, pose_vector
from pipeline.weights.folder import Weights

NAMES = "{} {} {}".format(
    "nose l_eye_inner l_eye l_eye_outer r_eye_inner r_eye r_eye_outer l_ear r_ear l_mouth r_mouth l_shoulder",
    "r_shoulder l_elbow r_elbow l_wrist r_wrist l_pinky r_pinky l_index r_index l_thumb r_thumb l_hip r_hip l_knee",
    "r_knee l_ankle r_ankle l_heel r_heel l_foot_index r_foot_index",
).split()
LIMBS = "r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist {} r_hip r_knee r_ankle l_hip l_knee l_ankle"
OPENPOSE18 = f"nose neck {LIMBS.format('')} r_eye l_eye r_ear l_ear".split()
OPENPOSE25 = (
    f"nose neck {LIMBS.format('hips')} r_eye l_eye r_ear l_ear l_foot_index none l_heel r_foot_index none r_heel"
).split()
RNG = np.random.default_rng(6)
PHOTO = Photo(
    "a.jpg",
    Image.fromarray(RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8)).resize((160, 120), Image.Resampling.BICUBIC),
    np.array([[20, 10, 90, 118], [60, 20, 150, 110]], np.float32),
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weights]:
    with small_tflite.in_place(tmp_path_factory.mktemp("weights")) as found:
        yield found


def test_orders_by_the_names_of_the_joints() -> None:
    points = RNG.uniform(1, 9, (33, 3)).astype(np.float32)
    named = dict(zip(NAMES, points, strict=True)) | {"none": np.zeros(3)}
    for middle, (left, right) in {"neck": ("l_shoulder", "r_shoulder"), "hips": ("l_hip", "r_hip")}.items():
        a, b = named[left], named[right]
        named[middle] = np.array([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, min(a[2], b[2])])
    found = _blazepose.orders(points)
    np.testing.assert_array_equal(found["keypoints"], points)
    np.testing.assert_allclose(found["coco18"], [named[name] for name in OPENPOSE18])
    np.testing.assert_allclose(found["body25"], [named[name] for name in OPENPOSE25])
    assert "no small toes (20, 23): 0, 0, score 0" in _blazepose.OUTPUTS["body25"].unit
    assert [at for at, name in enumerate(OPENPOSE25) if name == "none"] == [20, 23]


def test_the_person_of_the_box_is_taken_and_not_the_surest() -> None:
    box = np.array([0, 0, 40, 80], np.float32)
    points = np.array([[(100, 40), (100, 0)], [(20, 40), (20, 0)], [(20, 40), (20, 40)]], float)
    found = _blazepose.chosen(box, np.array([0.99, 0.6, 0.9]), points)
    assert found == Region(20, 40, 100)
    assert _blazepose.chosen(box, np.zeros(0), np.zeros((0, 2, 2))) is None


def test_joints_lie_where_the_network_says_in_the_turned_square(weights: Weights) -> None:
    """Cut by hand as the row's own region says, run alone, and turned back by complex numbers."""
    stage = pose.Extractor(pose.Extractor.Config(model="blazepose-full"))
    stage.load("cpu", weights)
    found = stage.extract(stage.prepare(PHOTO)).arrays
    assert stage.blazepose
    for row in range(2):
        x, y, side, up_x, up_y = found["region"][row].astype(float)
        pixels = regions.cut(np.asarray(PHOTO.image), Region(x, y, side, up_x, up_y), 256)
        body = stage.blazepose.landmarks.find(pixels)
        turn = complex(-up_y, up_x)
        places = complex(x, y) + side * turn * ((body.places[:33] - 0.5) @ (1, 1j))
        near = np.abs(found["keypoints"][row, :, :2] @ (1, 1j) - places) < 0.02 * side
        assert near.mean() > 0.9, "the row keeps the region in float32: a pixel of the cut may differ"
        flat = turn * (body.world[:33, :2] @ (1, 1j))
        np.testing.assert_allclose(found["world"][row, :, :2] @ (1, 1j), flat, atol=0.02)
        np.testing.assert_array_equal(found["box"][row], PHOTO.boxes[row])
        shares = 255 / (1 + np.exp(-body.mask.astype(float)))
        assert (np.abs(found["mask"][row] - shares) < 2).mean() > 0.9
        said = stage.describe({name: array[row] for name, array in found.items()})
        assert said["person"] == round((found["mask"][row] >= 128).mean(), 3)
        assert said["outline"]


def test_pose_vector_works_on_it_without_hands(weights: Weights) -> None:
    tables: dict[str, dict[str, Any]] = {"pose": {"model": "blazepose-full"}, "pose_vector": {"hands": "zero"}}
    first, second = recipes(DatasetConfig(dataset="demo", stages=tables), [], weights)
    first.stage.load("cpu", weights)
    rows = first.stage.extract(first.stage.prepare(PHOTO)).arrays
    seen = [{name: rows[name][row] for name in second.stage.reads} for row in range(2)]
    found = second.stage.extract([second.stage.derive(row) for row in seen])
    assert found.status.tolist() == [Status.OK] * 2
    assert (found.arrays["seen"][:, 0] <= 23).all(), "25 less the two small toes"
    assert isinstance(second.stage, pose_vector.Extractor)


def test_what_does_not_go_together_is_one_line(weights: Weights) -> None:
    half = pose.Extractor.Config(model="blazepose-full", precision="bfloat16")
    with pytest.raises(ConfigError, match="blazepose-full computes in float32, not in bfloat16"):
        pose.Extractor(half)
    untrained = Weights(weights.folder, untrained=True)
    blanked = {"stage": "backbone", "input": "context", "blank": "mask", "source": "pose"}
    for name, table, wanted in (("context", blanked, "mask"), ("hands", {}, "presence")):
        config = DatasetConfig(dataset="demo", stages={"pose": {}, name: table})
        with pytest.raises(ConfigError, match=rf"\[stages\.{name}\]: wants '{wanted}' of pose, which does not"):
            recipes(config, [], untrained)
    with pytest.raises(ConfigError, match="source = 'mask' is for input face, depth only, or blank = 'mask'"):
        backbone.Extractor(backbone.Extractor.Config(input="context", source="mask"))
    with pytest.raises(ConfigError, match="blank = 'mask' is for input 'context', not 'image'"):
        backbone.Extractor(backbone.Extractor.Config(blank="mask"))


def test_a_hand_is_looked_for_where_wrist_and_fingers_say() -> None:
    """Wrist (0, 50), little finger (6, 20), index finger (-3, 20): knuckle at (0, 20), 30 pixels up."""
    row = {"keypoints": np.zeros((33, 3)), "presence": np.ones(33)}
    for joint, place in zip((15, 17, 19), [(0, 50), (6, 20), (-3, 20)], strict=True):
        row["keypoints"][joint] = (*place, 0.9)
    stage = hands.Extractor(hands.Extractor.Config())
    (person,) = stage.look(PHOTO.image, [row])
    assert person.squares == (Region(0, 20, 120), None), "the right wrist's score is 0"
    row["presence"][15] = 0.05
    assert stage.look(PHOTO.image, [row])[0].squares == (None, None)


def test_a_hand_that_is_not_seen_is_zeros(weights: Weights) -> None:
    stage = hands.Extractor(hands.Extractor.Config())
    stage.load("cpu", weights)
    found = stage.extract([hands.Person(np.asarray(PHOTO.image), (None, Region(60, 60, 50)))]).arrays
    assert (found["hands"][0, 0] == 0).all()
    assert found["right"][0, 0] == 0
    assert (found["hands"][0, 1, :, 2] == found["hands"][0, 1, 0, 2]).all()
    assert found["hands"][0, 1, 0, 2] > 0.1


def test_the_second_square_of_a_hand_by_hand() -> None:
    """Fingers point right: the palm is 30 long and 20 wide, its box's middle (65, 50), moved on by a tenth of 60."""
    joints = np.tile((65.0, 50.0), (21, 1))
    joints[0], joints[9], joints[5], joints[13] = (50, 50), (80, 50), (80, 50), (80, 50)
    joints[1], joints[17] = (60, 40), (60, 60)
    found = hands.second_square(joints)
    assert found is not None
    np.testing.assert_allclose(found, (65 + 6, 50, 60, 1, 0), atol=1e-9)


def test_a_face_is_levelled_by_its_eyes_and_a_proxy_is_none(weights: Weights) -> None:
    box = np.array([10, 20, 50, 60], np.float32)
    eyes = np.array([(20, 40), (20, 30), (0, 0), (0, 0), (0, 0)], np.float32)  # the face lies on its left side
    assert face_mesh.square(box, eyes) == Region(30, 40, 60, -1, 0)
    stage = face_mesh.Extractor(face_mesh.Extractor.Config())
    stage.load("cpu", weights)
    rows = [{"box": box, "landmarks": eyes, "confidence": np.float32(sure)} for sure in (0.9, 0)]
    found = stage.extract(stage.look(PHOTO.image, rows))
    assert found.status.tolist() == [Status.OK, Status.NO_FACE]
    assert found.messages == ["", "no face in face, but a proxy"]
    assert np.isnan(found.arrays["points"][1]).all()


def test_a_silhouette_is_blanked_and_nothing_else() -> None:
    image = Image.new("RGB", (100, 80), (200, 150, 100))
    seen = np.zeros((256, 256), np.uint8)
    seen[:, :128] = 255  # the left half of a square of 40 pixels about (50, 40)
    row = {"mask": seen, "region": regions.written(Region(50, 40, 40))}
    stage = backbone.Extractor(backbone.Extractor.Config(input="context", blank="mask", size=(80, 100)))
    (pixels,) = stage.look(image, [row])
    black = (np.asarray(pixels) == 0).all(-1)
    wanted = np.zeros((80, 100), bool)
    wanted[20:60, 30:50] = True
    assert (black != wanted).sum() == 0
    assert (np.asarray(pixels)[~black] == (200, 150, 100)).all()
    assert np.asarray(image).min() == 100, "the photograph itself is as it was"


def test_fingerprints_of_what_was_there_before_are_as_they_were() -> None:
    """Settings and versions as they were stored before there were .tflite networks."""
    kept = {"model": "rtmpose-m", "precision": "float32"}
    assert pose.Extractor.Config().model_dump(mode="json") == kept
    assert pose.Extractor(pose.Extractor.Config()).version == 3
    context = backbone.Extractor.Config(input="context").model_dump(mode="json")
    assert context == {
        "model": "resnet18",
        "weights": "resnet18",
        "input": "context",
        "size": [224, 224],
        "blank": "black",
    }
