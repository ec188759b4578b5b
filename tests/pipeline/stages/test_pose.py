"""pose against mmpose's own transforms, head and codec, one person at a time; the orders against names of joints."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cache.errors import UnknownName
from cache.spec import Status
from pipeline.networks import openmmlab
from pipeline.stage import Photo
from pipeline.stages.pose import BODY25, COCO18, Extractor, decode_simcc
from pipeline.weights.folder import Weights

RNG = np.random.default_rng(4)
BOXES = np.array([[20, 10, 90, 118], [0, 0, 160, 40], [60.5, 30.25, 159, 119]], np.float32)
PHOTO = Photo(
    "a.jpg",
    Image.fromarray(RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8)).resize((160, 120), Image.Resampling.BICUBIC),
    BOXES,
)


@pytest.fixture(scope="module")
def stage() -> Extractor:
    stage = Extractor(Extractor.Config(model="rtmpose-t"))
    stage.load("cpu", Weights(Path("none"), untrained=True))
    return stage


def by_mmpose(stage: Extractor, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Key points (26, 2) in image pixels and scores (26,) of one person."""
    from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

    results = {"img": np.asarray(PHOTO.image), "bbox": box[None]}
    results = TopdownAffine((192, 256)).transform(GetBBoxCenterScale().transform(results))
    values = (results["img"] - np.array([123.675, 116.28, 103.53])) / np.array([58.395, 57.12, 57.375])
    openmmlab.hold_back_known_warnings()
    with torch.inference_mode():
        features = stage.network.extract_feat(torch.from_numpy(values).permute(2, 0, 1)[None].float())
        (found,) = stage.network.head.predict(features, [])
    scale, centre = results["bbox_scale"][0], results["bbox_center"][0]
    points = found.keypoints[0] / (192, 256) * scale + centre - 0.5 * scale
    return points, found.keypoint_scores[0]


def test_each_person_alone_as_mmpose_does_it(stage: Extractor) -> None:
    found = stage.extract(stage.prepare(PHOTO))
    assert found.status.tolist() == [Status.OK] * 3
    for person, box in enumerate(BOXES):
        points, scores = by_mmpose(stage, box)
        np.testing.assert_allclose(found.arrays["keypoints"][person, :, 2], scores, rtol=1e-3, atol=1e-4)
        near = np.abs(found.arrays["keypoints"][person, :, :2] - points).max(axis=1) < 1e-2
        assert near.mean() > 0.9, "of an untrained network's flat scores, a maximum may move by rounding"


def test_decoding_against_mmposes_codec() -> None:
    from mmpose.codecs import SimCCLabel

    torch.manual_seed(0)
    x, y = torch.randn(5, 26, 384), torch.randn(5, 26, 512)
    points, scores = decode_simcc(x, y)
    wanted, wanted_scores = SimCCLabel((192, 256), sigma=(4.9, 5.66)).decode(x.numpy(), y.numpy())
    np.testing.assert_array_equal(points, wanted)
    np.testing.assert_array_equal(scores, wanted_scores)


def test_a_score_that_is_not_positive_keeps_its_place() -> None:
    x = torch.full((1, 1, 384), -5.0)
    x[..., 100] = -1
    points, scores = decode_simcc(x, torch.zeros(1, 1, 512).index_fill_(2, torch.tensor([8]), 3.0))
    assert points.tolist() == [[[50, 4]]]
    assert scores.tolist() == [[-1]]


ARM, LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
LIMBS = [f"{side}_{part}" for limb in (ARM, LEG) for side in ("right", "left") for part in limb]
COCO_NAMES = ["nose", "neck", *LIMBS, "right_eye", "left_eye", "right_ear", "left_ear"]
FEET = ["left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"]
BODY_NAMES = [*COCO_NAMES[:8], "hip", *COCO_NAMES[8:], *FEET]
"""OpenPose's documentation of its output formats; its MidHip is Halpe's hip."""


def test_orders_by_the_names_of_the_joints(stage: Extractor) -> None:
    import mmpose

    folder = Path(mmpose.__file__).parent / ".mim" / "configs" / "_base_" / "datasets"
    info = runpy.run_path(str(folder / "halpe26.py"))["dataset_info"]["keypoint_info"]
    halpe = [info[index]["name"] for index in range(26)]
    assert [halpe[index] for index in COCO18] == COCO_NAMES
    assert [halpe[index] for index in BODY25] == BODY_NAMES
    found = stage.extract(stage.prepare(PHOTO)).arrays
    np.testing.assert_array_equal(found["coco18"][:, 1, :2], found["keypoints"][:, halpe.index("neck"), :2])
    np.testing.assert_array_equal(found["body25"][:, 21, 2], found["keypoints"][:, halpe.index("left_heel"), 2])


def test_a_box_outside_fails_alone(stage: Extractor) -> None:
    boxes = BOXES.copy()
    boxes[1] = [10, 10, 10, 10]
    found = stage.extract(stage.prepare(Photo("a", PHOTO.image, boxes)))
    assert found.status.tolist() == [Status.OK, Status.FAILED, Status.OK]
    assert np.isnan(found.arrays["coco18"][1]).all()
    assert found.messages[1] == "box (10, 10, 10, 10) is empty"


def test_unknown_model() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'rtmpose-m'"):
        Extractor(Extractor.Config(model="rtmpose_m"))
