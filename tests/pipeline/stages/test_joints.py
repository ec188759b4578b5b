"""Joints as ST-GCN takes them, by hand."""

import numpy as np
import pytest
from PIL import Image

from cache.spec import Status
from pipeline.stage import Photo
from pipeline.stages.joints import Extractor

FRAME = Image.new("RGB", (200, 100))


def test_fractions_of_the_frame_less_a_half_and_zeros_where_missing() -> None:
    joints = np.zeros((1, 18, 3), np.float32)
    joints[0, :4] = [(0, 0, 0.9), (200, 100, 0.5), (100, 25, 0.1), (100, 25, 0.09)]
    stage = Extractor(Extractor.Config())
    found = stage.extract(stage.prepare(Photo("a.mp4", FRAME, np.zeros((1, 4), np.float32), (), joints)))
    expected = [(-0.5, -0.5, 0.9), (0.5, 0.5, 0.5), (0, -0.25, 0.1), (0, 0, 0), (0, 0, 0)]
    np.testing.assert_allclose(found.arrays["normalised"][0, :5], expected, atol=1e-7)
    np.testing.assert_array_equal(found.arrays["pixels"], joints)
    assert not stage.pixels
    assert stage.describe({name: array[0] for name, array in found.arrays.items()}) == {"joints_seen": 3}


@pytest.mark.parametrize(
    ("joints", "message"),
    [
        (None, "no joints: this dataset's annotation has none"),
        (np.zeros((2, 25, 3), np.float32), "joints of 25x3 numbers, 18x3 are wanted"),
    ],
)
def test_without_the_right_joints_people_fail(joints: np.ndarray | None, message: str) -> None:
    stage = Extractor(Extractor.Config())
    found = stage.extract(stage.prepare(Photo("a.mp4", FRAME, np.zeros((2, 4), np.float32), (), joints)))
    assert found.status.tolist() == [Status.FAILED] * 2
    assert found.messages == [message] * 2
