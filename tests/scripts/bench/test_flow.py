"""What the benchmark of flow is judged by: scenes that move as they say, and the quicker way of another library."""

import numpy as np
import pytest

from scripts.bench.flow import _ratios
from scripts.bench.flow_scenes import end_point_error, scenes


def test_a_block_lies_where_its_flow_says_and_what_is_behind_it_stays() -> None:
    scene = scenes()["block"]
    moves = scene.flow[0] != 0
    assert moves.sum() == 96 * 96
    y, x = np.nonzero(moves)
    np.testing.assert_array_equal(scene.first[y, x], scene.second[y - 4, x + 6])
    still = ~moves & ~np.roll(moves, (-4, 6), (0, 1))
    np.testing.assert_array_equal(scene.first[still], scene.second[still])
    assert end_point_error(scene.flow + np.array([3, -4])[:, None, None], scene) == pytest.approx(5)


def test_the_ratio_is_to_the_quicker_way_of_each_turn() -> None:
    rows = {
        "other/one": [8.0, 8.0],
        "other/threads": [6.0, 4.0],
        "other/both": [5.0, 9.0],
        "tvl1/one": [2.0, 2.0],
        "tvl1/both": [1.0, 1.0],
    }
    ratios = _ratios("other", rows)
    assert (ratios["two_cores"]["ratio"], ratios["two_cores"]["spread"]) == (4.5, [4, 5])
    assert ratios["one_core"]["ratio"] == 4
