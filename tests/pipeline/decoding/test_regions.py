"""Turned squares against complex numbers, numpy's own quarter turns, and their own way back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decoding import regions
from pipeline.decoding.regions import Region

NUMBERS = st.floats(-300, 300)


@given(NUMBERS, NUMBERS, st.floats(1, 500), st.floats(0, 6.28), NUMBERS, NUMBERS)
def test_points_by_complex_numbers_and_back(x: float, y: float, side: float, angle: float, u: float, v: float) -> None:
    region = Region(x, y, side, float(np.sin(angle)), float(-np.cos(angle)))
    wanted = complex(x, y) + side * complex(u - 0.5, v - 0.5) * np.exp(1j * angle)
    found = region.to_image(np.array([u, v]))
    np.testing.assert_allclose(found, [wanted.real, wanted.imag], atol=1e-6)
    np.testing.assert_allclose(region.from_image(found), [u, v], atol=1e-6)


def test_a_square_of_whole_pixels_is_those_pixels_and_turns_by_quarters() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    part = pixels[8:24, 10:26]  # its middle is (18, 16)
    for turns, (up_x, up_y) in enumerate([(0, -1), (1, 0), (0, 1), (-1, 0)]):
        found = regions.cut(pixels, Region(18, 16, 16, up_x, up_y), 16)
        np.testing.assert_array_equal(found, np.rot90(part, turns), err_msg=f"{up_x, up_y}")


def test_black_outside_and_nothing_of_a_square_beyond_the_image() -> None:
    pixels = np.full((20, 20, 3), 200, np.uint8)
    found = regions.cut(pixels, Region(0, 0, 16), 16)
    assert (found[:7, :7] == 0).all()
    assert (found[9:, 9:] == 200).all()
    assert (regions.cut(pixels, Region(-90, 5, 16), 8) == 0).all()
    assert regions.back(np.ones((8, 8), np.uint8), Region(-90, 5, 16), (20, 20))[1].size == 0


def test_a_large_square_is_averaged_down_and_not_sampled() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, np.arange(64) % 4 < 2] = 200
    found = regions.cut(stripes, Region(32, 32, 64), 8)
    assert np.abs(found[1:-1, 1:-1].astype(int) - 100).max() <= 15


def test_what_was_cut_goes_back_to_its_place() -> None:
    y, x = np.mgrid[:90, :120]
    disc = ((np.hypot(x + 0.5 - 70, y + 0.5 - 40) < 15) * 255).astype(np.uint8)
    region = Region(66, 44, 60, float(np.sin(0.7)), float(-np.cos(0.7)))
    (left, top), found = regions.back(
        regions.cut(np.repeat(disc[..., None], 3, 2), region, 120)[..., 0], region, (120, 90)
    )
    whole = np.zeros_like(disc)
    whole[top : top + found.shape[0], left : left + found.shape[1]] = found
    assert ((whole >= 128) != (disc >= 128)).sum() <= 8, "a pixel here and there on the edge"


def test_along_two_points_and_no_direction() -> None:
    assert regions.along(np.array([10.0, 20.0]), np.array([13.0, 16.0]), 2.0) == Region(10, 20, 10, 0.6, -0.8)
    assert regions.along(np.array([10.0, 20.0]), np.array([10.2, 20.0]), 2.0) is None
    assert regions.along(np.array([10.0, np.nan]), np.array([13.0, 16.0]), 2.0) is None
    assert regions.about(np.array([10, 20, 30, 80]), 1.5) == Region(20, 50, 90)
    one = Region(1.5, 2.25, 8, 0.6, -0.8)
    np.testing.assert_allclose(regions.read(regions.written(one)), one, rtol=1e-7)
