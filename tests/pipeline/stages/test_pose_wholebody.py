"""pose with 133 points against mmpose's own transforms, head and codec; the orders against names of joints."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cache.spec import Status
from pipeline.decoding import images
from pipeline.networks import openmmlab
from pipeline.stage import Photo
from pipeline.stages import _wholebody
from pipeline.stages.pose import Extractor
from pipeline.weights.folder import Weights

RNG = np.random.default_rng(5)
BOXES = np.array([[20, 10, 90, 118], [0, 0, 160, 40]], np.float32)
PHOTO = Photo(
    "a.jpg",
    Image.fromarray(RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8)).resize((160, 120), Image.Resampling.BICUBIC),
    BOXES,
)
REAL = Path(__file__).parents[4] / "shared" / "real" / "photos"


def loaded(model: str) -> Extractor:
    stage = Extractor(Extractor.Config(model=model))
    stage.load("cpu", Weights(Path("none"), untrained=True))
    return stage


@pytest.fixture(scope="module")
def stage() -> Extractor:
    return loaded("dwpose-t")


def by_mmpose(stage: Extractor, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Key points (133, 2) in image pixels and scores (133,) of one person."""
    from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

    height, width = openmmlab.POSES[stage.config.model].size
    results = {"img": np.asarray(PHOTO.image), "bbox": box[None]}
    results = TopdownAffine((width, height)).transform(GetBBoxCenterScale().transform(results))
    values = (results["img"] - np.array([123.675, 116.28, 103.53])) / np.array([58.395, 57.12, 57.375])
    openmmlab.hold_back_known_warnings()
    with torch.inference_mode():
        features = stage.network.extract_feat(torch.from_numpy(values).permute(2, 0, 1)[None].float())
        (found,) = stage.network.head.predict(features, [])
    scale, centre = results["bbox_scale"][0], results["bbox_center"][0]
    points = found.keypoints[0] / (width, height) * scale + centre - 0.5 * scale
    return points, found.keypoint_scores[0]


@pytest.mark.parametrize("model", ["dwpose-t", "rtmw-m"])
def test_each_person_alone_as_mmpose_does_it(model: str) -> None:
    stage = loaded(model)
    found = stage.extract(stage.prepare(PHOTO))
    assert found.status.tolist() == [Status.OK] * 2
    for person, box in enumerate(BOXES):
        points, scores = by_mmpose(stage, box)
        known = scores > 0  # mmpose gives (-1, -1) for the others, in pixels of the input
        np.testing.assert_allclose(found.arrays["keypoints"][person, known, 2], scores[known], rtol=1e-3, atol=1e-4)
        near = np.abs(found.arrays["keypoints"][person, :, :2] - points).max(axis=1) < 1e-2
        assert near[known].mean() > 0.9, "of an untrained network's flat scores, a maximum may move by rounding"


ARM, LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
LIMBS = [f"{side}_{part}" for limb in (ARM, LEG) for side in ("right", "left") for part in limb]
COCO_NAMES = ["nose", "neck", *LIMBS, "right_eye", "left_eye", "right_ear", "left_ear"]
FEET = ["left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"]
BODY_NAMES = [*COCO_NAMES[:8], "hip", *COCO_NAMES[8:], *FEET]
FINGERS = ["thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger"]
"""OpenPose's documentation of its output formats: hands are wrist, thumb, index, middle, ring and little finger."""


def test_orders_by_the_names_of_the_joints(stage: Extractor) -> None:
    import mmpose

    folder = Path(mmpose.__file__).parent / ".mim" / "configs" / "_base_" / "datasets"
    info = runpy.run_path(str(folder / "coco_wholebody.py"))["dataset_info"]["keypoint_info"]
    names = [*(info[index]["name"] for index in range(133)), "neck", "hip"]
    assert [names[index] for index in _wholebody.COCO18] == COCO_NAMES
    assert [names[index] for index in _wholebody.BODY25] == BODY_NAMES
    found = stage.extract(stage.prepare(PHOTO)).arrays
    for side, name in enumerate(["left", "right"]):
        joints = [f"{name}_hand_root", *(f"{name}_{finger}{joint}" for finger in FINGERS for joint in range(1, 5))]
        at = [names.index(joint) for joint in joints]
        np.testing.assert_array_equal(found["hands"][:, side], found["keypoints"][:, at])
    np.testing.assert_array_equal(found["body25"][:, 21], found["keypoints"][:, names.index("left_heel")])
    np.testing.assert_array_equal(found["coco18"][:, 4], found["keypoints"][:, names.index("right_wrist")])


def test_neck_and_hip_are_in_the_middle() -> None:
    points = np.zeros((1, 133, 3), np.float32)
    points[0, [5, 6, 11, 12]] = [[100, 40, 0.9], [60, 44, 0.3], [90, 100, 0.5], [70, 110, 0.75]]
    found = _wholebody.orders(points)
    np.testing.assert_allclose(found["coco18"][0, 1], [80, 42, 0.3])
    np.testing.assert_allclose(found["body25"][0, 1], [80, 42, 0.3])
    np.testing.assert_allclose(found["body25"][0, 8], [80, 105, 0.5])


def test_the_box_is_the_persons(stage: Extractor) -> None:
    boxes = BOXES.copy()
    boxes[0] = [10, 10, 10, 10]
    found = stage.extract(stage.prepare(Photo("a", PHOTO.image, boxes)))
    assert found.status.tolist() == [Status.FAILED, Status.OK]
    assert found.arrays["box"][1].tolist() == BOXES[1].tolist()
    assert np.isnan(found.arrays["hands"][0]).all()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real photographs are not here")
def test_persons_of_real_photographs(stage: Extractor) -> None:
    """Of an untrained network only: every person has points, and they lie in the region that the network saw."""
    told = json.loads((REAL / "persons_coco.json").read_text())
    people = [one for one in told["annotations"] if one["bbox"][2] > 20 and not one.get("iscrowd")]
    for record in told["images"]:
        own = [one["bbox"] for one in people if one["image_id"] == record["id"]][:3]
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in own], np.float32)
        photo = Photo(record["file_name"], images.decode(REAL / record["file_name"]), boxes)
        found = stage.extract(stage.prepare(photo))
        assert found.status.tolist() == [Status.OK] * len(own)
        for box, points in zip(boxes, found.arrays["keypoints"][..., :2], strict=True):
            reach = 1.25 * max(box[2] - box[0], 0.75 * (box[3] - box[1])) / np.array([2, 1.5])
            assert (np.abs(points - (box[:2] + box[2:]) / 2) <= reach + 1e-3).all()
