"""The picture of ``make predict`` takes what any stage says of a person."""

import numpy as np
from PIL import Image

from pipeline.stages import pose_vector
from scripts.prediction.draw import draw


def test_joints_that_are_only_counted_are_not_drawn() -> None:
    stage = pose_vector.Extractor(pose_vector.Extractor.Config())
    words = stage.describe({name: np.ones(array.shape) for name, array in stage.outputs.items()})
    person = {"box": [20, 30, 60, 80], "emotions": None, "reason": "no head"}
    plain = Image.new("RGB", (120, 100), "white")
    one, other = (draw(plain, [person | {"features": kept}], []) for kept in ({}, {"pose_vector": words}))
    assert one.tobytes() == other.tobytes()
