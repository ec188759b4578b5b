"""Hand-made boxes, and who they are."""

import numpy as np
import pytest

from scripts.prediction.following import LEAST_OVERLAP, LOST, Follower


def followed(frames: list[list[tuple[float, float]]], lost: int = LOST) -> list[list[int]]:
    """Numbers by frame; boxes of 10 x 20 at the (x, y) of their left upper corners."""
    follower = Follower(lost=lost)
    return [follower.numbers(np.array([(x, y, x + 10, y + 20) for x, y in boxes])) for boxes in frames]


def test_two_who_cross_keep_their_numbers_though_their_boxes_are_equal() -> None:
    """From left to right, as finders tell them: after they met, the one at the left came from the right."""
    walk = [[(0, 0), (18, 0)], [(6, 0), (12, 0)], [(6, 0), (12, 0)], [(0, 0), (18, 0)]]
    assert followed(walk) == [[0, 1], [0, 1], [1, 0], [1, 0]]


def test_one_hides_the_other_where_they_cross() -> None:
    walk = [[(0, 0), (20, 0)], [(4, 0), (16, 0)], [(8, 0), (12, 0)], [(12, 0)], [(4, 0), (16, 0)]]
    assert followed(walk)[-1] == [1, 0]


@pytest.mark.parametrize(("away", "expected"), [(2, 1), (3, 2)])
def test_one_who_leaves_is_known_again_unless_away_for_too_long(away: int, expected: int) -> None:
    frames = [[(0, 0), (100, 0)], *[[(0, 0)]] * away, [(0, 0), (100, 0)]]
    assert followed(frames, lost=2) == [[0, 1], *[[0]] * away, [0, expected]]


def test_nobody_and_newcomers() -> None:
    assert followed([[], [(50, 0)], [(0, 0), (50, 0)], []]) == [[], [0], [1, 0], []]


@pytest.mark.parametrize(("x", "same"), [(6, True), (7, False)])
def test_the_least_overlap(x: float, same: bool) -> None:
    """IoU of boxes 10 wide that are x apart: 4 / 16 = 0.25 and 3 / 17 = 0.18."""
    assert LEAST_OVERLAP == 0.2
    assert followed([[(0, 0)], [(x, 0)]]) == [[0], [0 if same else 1]]


def test_pairs_are_chosen_together() -> None:
    """IoU of boxes 10 wide, 3 and 4 apart: 7 / 13 and 6 / 14. The greatest first, the right one's with 4, would leave
    the left one nothing but 11, which it does not touch."""
    assert followed([[(0, 0), (7, 0)], [(4, 0), (11, 0)]]) == [[0, 1], [0, 1]]
