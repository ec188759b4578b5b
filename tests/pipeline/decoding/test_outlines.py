"""Borders of masks in image pixels."""

import numpy as np
import pytest

from pipeline.decoding.outlines import outlines
from pipeline.decoding.regions import Region


def mask(*parts: tuple[slice, slice]) -> np.ndarray:
    values = np.zeros((64, 64), np.uint8)
    for rows, columns in parts:
        values[rows, columns] = 200
    return values


def test_a_rectangle_by_hand() -> None:
    """Columns 16 to 31 and rows 8 to 39 of 64 on a square of 128: two image pixels each, corners at pixels' middles."""
    (piece,) = outlines(mask((slice(8, 40), slice(16, 32))), Region(100, 200, 128))
    corners = {(x, y) for x, y in piece.tolist()}
    assert corners == {(x, y) for x in (36 + 33, 36 + 63) for y in (136 + 17, 136 + 79)}


def test_it_turns_with_its_region() -> None:
    """Up lies to the right: the top left corner of the mask is the image's top right one."""
    (piece,) = outlines(mask((slice(0, 8), slice(0, 8))), Region(50, 50, 64, 1, 0))
    assert piece.min(0) == pytest.approx((82 - 7.5, 18 + 0.5))
    assert piece.max(0) == pytest.approx((82 - 0.5, 18 + 7.5))


def test_crumbs_are_left_out_and_the_largest_is_first() -> None:
    parts = (slice(0, 3), slice(0, 3)), (slice(10, 50), slice(10, 50)), (slice(54, 64), slice(30, 60))
    found = outlines(mask(*parts), Region(32, 32, 64))
    assert [len(piece) for piece in found] == [4, 4]
    assert found[0].min() == 10.5
    assert outlines(mask(), Region(32, 32, 64)) == []
