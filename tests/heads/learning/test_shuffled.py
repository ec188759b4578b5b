"""Batches drawn whatever the class."""

import numpy as np
import pytest

from heads.learning.sampling import generator, shuffled


@pytest.mark.parametrize(
    ("count", "batch", "shape"), [(10, 3, (3, 3)), (10, 10, (1, 10)), (4, 32, (1, 4)), (2, 2, (1, 2))]
)
def test_each_sample_is_drawn_at_most_once_an_epoch(count: int, batch: int, shape: tuple[int, int]) -> None:
    places = shuffled(count, batch, generator(0))
    assert places.shape == shape
    assert len(np.unique(places)) == places.size
    assert places.max() < count


def test_seeds_and_epochs_draw_differently_and_again_the_same() -> None:
    one, other = generator(0), generator(1)
    first, second = shuffled(50, 10, one), shuffled(50, 10, one)
    assert (first != second).any()
    assert (first != shuffled(50, 10, other)).any()
    np.testing.assert_array_equal(first, shuffled(50, 10, generator(0)))
