"""Shots told apart by their colours: drawn frames whose overlap is known by hand."""

import numpy as np
import pytest
from PIL import Image

from scripts.prediction.cuts import LEAST_ALIKE, Cuts, alike, colours


def frame(*columns: tuple[tuple[int, int, int], int]) -> Image.Image:
    """Columns of a colour, (colour, of 64 pixels' width)."""
    pixels = np.concatenate([np.full((48, width, 3), colour, np.uint8) for colour, width in columns], 1)
    return Image.fromarray(pixels)


GREY, RED, GREEN = (112, 112, 112), (240, 16, 16), (16, 240, 16)
"""Middles of steps of 32."""


@pytest.mark.parametrize("red", [0, 16, 48])
def test_frames_are_alike_by_the_share_of_one_colour(red: int) -> None:
    one, other = colours(frame((GREY, 64))), colours(frame((GREY, 64 - red), (RED, red)))
    assert alike(one, other) == pytest.approx(1 - red / 64)
    assert one.sum() == pytest.approx(1)


def test_noise_at_the_border_of_two_steps_is_no_cut() -> None:
    assert alike(colours(frame(((127,) * 3, 64))), colours(frame(((129,) * 3, 64)))) > 0.8


def test_a_cut_is_where_less_than_the_least_share_stays() -> None:
    stays = round(64 * LEAST_ALIKE) + 1
    frames = [frame((GREY, 64)), frame((GREY, stays), (RED, 64 - stays)), frame((GREEN, 64)), frame((GREEN, 64))]
    cuts = Cuts()
    assert [cuts.before(one) for one in frames] == [False, False, True, False]
