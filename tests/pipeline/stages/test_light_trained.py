"""The trained networks on photographs with COCO's own key points, outlines and eyes: where things are, to the pixel.

``WEIGHTS`` names the folder that ``make weights`` filled, "weights" without it.
"""

import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from cache.spec import Status
from pipeline.decoding import regions
from pipeline.decoding.regions import Region
from pipeline.running.memory import Memory
from pipeline.running.recipes import DatasetConfig, recipes
from pipeline.stage import Extracted, Photo
from pipeline.stages import hands
from pipeline.weights.folder import Weights

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "real" / "photos"
FOLDER = ROOT / os.environ.get("WEIGHTS", "weights")
TABLES: dict[str, dict[str, Any]] = {
    "pose": {"model": "blazepose-full"},
    "mask": {},
    "hands": {},
    "face": {},
    "face_mesh": {},
}
COCO = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""BlazePose's joint at each place of COCO's 17."""
LARGE = 1000
"""Least area of a person here, in pixels."""

pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(not (FOLDER / "pose_landmark_full.tflite").is_file(), reason=f"no trained weights in {FOLDER}"),
    pytest.mark.skipif(not REAL.is_dir(), reason="the photographs are not here"),
]


def told(text: str) -> None:
    """A number to be read with ``pytest -s``."""
    sys.stdout.write(f"{text}\n")


@cache
def found() -> list[tuple[dict[str, Any], Photo, dict[str, Extracted], int]]:
    """Each annotated person, their photograph, its features, and their row in them."""
    memory = Memory(recipes(DatasetConfig(dataset="demo", stages=TABLES), [], Weights(FOLDER)))
    known, out = json.loads((REAL / "persons_coco.json").read_text()), []
    for entry in known["images"]:
        image = Image.open(REAL / entry["file_name"]).convert("RGB")
        people = [one for one in known["annotations"] if one["image_id"] == entry["id"] and one["area"] > LARGE]
        corners = np.array([one["bbox"] for one in people], np.float32)
        boxes = np.hstack([corners[:, :2], np.minimum(corners[:, :2] + corners[:, 2:], image.size)])
        photo = Photo(entry["file_name"], image, boxes)
        features = memory.features(photo)
        out += [(one, photo, features, row) for row, one in enumerate(people)]
    return out


def test_joints_lie_where_coco_has_them() -> None:
    """PCK: the share of joints within a part of the box's longer side."""
    errors = []
    for person, photo, features, row in found():
        truth = np.array(person["keypoints"], float).reshape(17, 3)
        known = truth[:, 2] > 0
        joints = features["pose"].arrays["keypoints"][row, list(COCO), :2]
        apart = np.linalg.norm(joints - truth[:, :2], axis=1)[known] / max(person["bbox"][2:])
        errors.append(apart)
        told(f"{photo.key} {np.round(person['bbox'])}: PCK@0.1 {(apart < 0.1).mean():.2f} of {known.sum()} joints")
    every = np.concatenate(errors)
    told("all: " + ", ".join(f"PCK@{part} {(every < part).mean():.3f}" for part in (0.05, 0.1, 0.2)))
    assert (every < 0.1).mean() >= 0.9
    assert (every < 0.2).mean() >= 0.95
    assert min((one < 0.2).mean() for one in errors) >= 0.75, "nobody is taken for somebody else"


@pytest.mark.parametrize(("feature", "least"), [("pose", 0.78), ("mask", 0.74)])
def test_masks_are_cocos_outlines(feature: str, least: float) -> None:
    """Mean IoU inside the box; that of ``pose`` is the better one, for it tells people apart."""
    scores = []
    for person, photo, features, row in found():
        width, height = photo.image.size
        truth, seen = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
        for outline in person["segmentation"]:
            cv2.fillPoly(truth, [np.rint(np.reshape(outline, (-1, 2))).astype(np.int32)], 1)
        arrays = {name: array[row] for name, array in features[feature].arrays.items()}
        (left, top), part = regions.back(arrays["mask"], regions.read(arrays["region"]), (width, height))
        seen[top : top + part.shape[0], left : left + part.shape[1]] = part >= 128
        x1, y1, x2, y2 = np.rint(photo.boxes[row]).astype(int)
        inside = np.zeros_like(seen)
        inside[y1:y2, x1:x2] = seen[y1:y2, x1:x2]
        scores.append((inside & truth).sum() / (inside | truth).sum())
    told(f"{feature}: mean IoU {np.mean(scores):.3f} of {len(scores)} people")
    assert np.mean(scores) >= least


def test_irises_are_where_coco_has_the_eyes() -> None:
    """In parts of the mesh's width; the left eye is the person's left one."""
    apart = []
    for person, _, features, row in found():
        if features["face_mesh"].status[row] != Status.OK:
            continue
        eyes = np.array(person["keypoints"], float).reshape(17, 3)[[2, 1]]
        points = features["face_mesh"].arrays["points"][row]
        assert features["face_mesh"].arrays["presence"][row] > 0.9
        gap = np.linalg.norm(points[[468, 473], :2] - eyes[:, :2], axis=1)[eyes[:, 2] > 0]
        apart.extend(gap / np.ptp(points[:468, 0]))
    told(f"irises: {len(apart)}, mean {np.mean(apart):.3f} of the face's width")
    assert len(apart) >= 8
    assert np.mean(apart) < 0.12


def test_gloves_are_no_hands_and_rows_are_finite() -> None:
    """Nobody on these photographs shows a bare hand of more than a few pixels."""
    for _, _, features, row in found():
        assert np.isfinite(features["hands"].arrays["hands"][row]).all()
        assert (features["hands"].arrays["hands"][row, :, :, 2] < 0.5).all()


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_right_hand_is_right_and_left_in_a_mirror(mirrored: bool) -> None:
    """The skier's right glove, its back to the camera, the thumb on our right of fingers that point down."""
    pixels, region = np.asarray(Image.open(REAL / "000000197388.jpg").convert("RGB")), Region(566, 155, 37, 0.67, 0.74)
    if mirrored:
        pixels, region = pixels[:, ::-1], region._replace(x=pixels.shape[1] - region.x, up_x=-region.up_x)
    stage = hands.Extractor(hands.Extractor.Config())
    stage.load("cpu", Weights(FOLDER))
    found = stage.extract([hands.Person(np.ascontiguousarray(pixels), (None, region))]).arrays
    told(f"glove: hand {found['hands'][0, 1, 0, 2]:.2f}, right {found['right'][0, 1]:.2f}")
    assert found["hands"][0, 1, 0, 2] > 0.7
    right = float(found["right"][0, 1])
    assert right < 0.3 if mirrored else right > 0.7
