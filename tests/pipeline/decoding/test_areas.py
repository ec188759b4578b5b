"""Means of regions against torch's own pooling, which adds them up pixel by pixel: the same to the last bit."""

import numpy as np
import pytest
import torch
from torch.nn.functional import adaptive_avg_pool2d

from pipeline.decoding.areas import Areas

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 37, 53, 3), dtype=np.uint8)
PLANES = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("size", [(37, 53), (22, 31), (13, 13), (2, 1), (60, 80)])
def test_a_whole_image_is_averaged_as_by_torch(size: tuple[int, int]) -> None:
    np.testing.assert_array_equal(Areas(IMAGES).resized(size), adaptive_avg_pool2d(PLANES, size).numpy())


def test_regions_of_any_size_are_averaged_as_by_torch() -> None:
    """Larger and smaller than the result, a single pixel, at the corners, of both images."""
    regions = np.array([(0, 0, 53, 37), (10, 5, 40, 30), (52, 36, 53, 37), (0, 0, 7, 3), (20, 1, 24, 37)])
    images = np.array([1, 0, 1, 0, 1])
    found = Areas(IMAGES).crops(images, regions, 24)
    for one, image, (x1, y1, x2, y2) in zip(found, images, regions, strict=True):
        expected = adaptive_avg_pool2d(PLANES[image, :, y1:y2, x1:x2], (24, 24))
        np.testing.assert_array_equal(one, expected.numpy())


def test_no_regions_give_none() -> None:
    assert Areas(IMAGES).crops(np.zeros(0, int), np.zeros((0, 4), int), 24).shape == (0, 3, 24, 24)
