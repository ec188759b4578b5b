"""Drawn splits: whole shares, the same whatever the order, and the very images that they were."""

import random

import xxhash
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets._split import drawn


def shares(images: int) -> list[int]:
    splits = list(drawn(f"{k}.jpg" for k in range(images)).values())
    return [splits.count(name) for name in ("train", "val", "test")]


def test_shares_are_rounded_to_whole_images() -> None:
    assert [shares(n) for n in (0, 1, 2, 3, 10, 100, 1877)] == [
        [0, 0, 0],
        [1, 0, 0],
        [1, 1, 0],
        [2, 0, 1],
        [7, 1, 2],
        [70, 10, 20],
        [1314, 188, 375],
    ]


def test_the_draw_is_what_it_was() -> None:
    """Written down when it was first made: another machine, version or order must draw the same."""
    names = [f"HECO_{k}.png" for k in range(10)]
    order = sorted(names, key=lambda name: xxhash.xxh3_128_hexdigest(f"0\n{name}".encode()))
    assert order == [f"HECO_{k}.png" for k in (8, 0, 1, 7, 9, 5, 2, 4, 6, 3)]
    assert drawn(names) == dict(zip(order, ["train"] * 7 + ["val"] + ["test"] * 2, strict=True))


def test_another_seed_draws_otherwise() -> None:
    names = [f"é {k}.jpg" for k in range(50)]
    assert drawn(names, seed=1) != drawn(names, seed=2)


@given(st.lists(st.text("abc/é.", min_size=1), unique=True), st.integers())
def test_order_does_not_count(images: list[str], seed: int) -> None:
    shuffled = random.Random(seed).sample(images, len(images))
    assert drawn(shuffled) == drawn(images)
    assert set(drawn(images)) == set(images)


def test_an_image_more_moves_few() -> None:
    before, after = drawn(map(str, range(1000))), drawn(map(str, range(1001)))
    assert sum(before[name] != after[name] for name in before) <= 2
