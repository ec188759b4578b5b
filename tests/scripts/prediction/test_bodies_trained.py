"""The trained networks find COCO's people: how many of them, and how well their boxes fit.

``WEIGHTS`` names the folder that ``make weights`` filled, "weights" without it.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.networks.blazepose import overlap
from pipeline.weights.folder import Weights
from scripts.prediction.bodies import ByBodies

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "real" / "photos"
FOLDER = ROOT / os.environ.get("WEIGHTS", "weights")
LARGE = 1000
"""Least area of a person here, in pixels."""

pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(not (FOLDER / "pose_landmark_full.tflite").is_file(), reason=f"no trained weights in {FOLDER}"),
    pytest.mark.skipif(not REAL.is_dir(), reason="the photographs are not here"),
]


def test_boxes_are_cocos() -> None:
    finder, known = ByBodies(Weights(FOLDER), "cpu"), json.loads((REAL / "persons_coco.json").read_text())
    fits, by, people = list[float](), list[str](), 0
    for entry in known["images"]:
        own = [one for one in known["annotations"] if one["image_id"] == entry["id"] and one["area"] > LARGE]
        truth = np.array([one["bbox"] for one in own])
        truth[:, 2:] += truth[:, :2]
        people += len(truth)
        boxes, how = finder.find(Path(entry["file_name"]), Image.open(REAL / entry["file_name"]).convert("RGB"))
        nearest = [overlap(box, truth) for box in boxes]
        assert len({int(one.argmax()) for one in nearest}) == len(boxes), "nobody is found twice"
        fits += [float(one.max()) for one in nearest]
        by += [one["by"] for one in how]
    told = f"{len(fits)} of {people} found ({', '.join(by)}); IoU {np.round(fits, 2)}, mean {np.mean(fits):.3f}\n"
    sys.stdout.write(told)
    assert len(fits) >= 7
    assert min(fits) > 0.7
    assert np.mean(fits) > 0.85
