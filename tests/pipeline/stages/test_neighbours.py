"""Each person's own box first, then the others by how near they are."""

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from cache.spec import Granularity, Status
from pipeline.stage import Photo
from pipeline.stages.neighbours import Extractor

IMAGE = Image.new("RGB", (400, 100))
BOXES = np.array([[0, 0, 20, 20], [300, 0, 340, 20], [90, 0, 110, 20], [290, 0, 350, 20]], np.float32)
"""Centres at x = 10, 320, 100 and 320: the second and the fourth are at one place."""


def test_rows_by_hand_with_an_image_of_nobody_between() -> None:
    stage = Extractor(Extractor.Config(most=3))
    photos = [Photo("a", IMAGE, BOXES), Photo("b", IMAGE, BOXES[:0]), Photo("c", IMAGE, BOXES[:1])]
    found = stage.extract([item for photo in photos for item in stage.prepare(photo)])
    expected = [[0, 2, 1], [1, 3, 2], [2, 0, 1], [3, 1, 2]]
    np.testing.assert_array_equal(found.arrays["boxes"][:4], BOXES[expected])
    np.testing.assert_array_equal(found.arrays["boxes"][4], [BOXES[0], [0] * 4, [0] * 4])
    assert found.arrays["people"].tolist() == [4, 4, 4, 4, 1]
    assert (found.status == Status.OK).all()
    assert (stage.unit, stage.granularity, stage.weights) == (Granularity.IMAGE, Granularity.PERSON, ())


def test_room_for_one_alone_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        Extractor.Config(most=1)
