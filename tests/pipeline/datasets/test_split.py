"""Drawn splits: whole shares, the same whatever the order, and the very images that they were."""

import random

import xxhash
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets._split import drawn, drawn_by_class, lacking


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


def test_44_people_of_four_classes_have_every_class_in_every_part() -> None:
    """The plain draw leaves a class out here, which is what this is about."""
    classes = {f"{k}.jpg": [f"class {k % 4}"] for k in range(44)}
    assert lacking(classes, drawn(classes))
    parts, moved = drawn_by_class(classes)
    assert not lacking(classes, parts)
    assert [list(parts.values()).count(name) for name in ("train", "val", "test")] == shares(44)
    assert 0 < moved <= 8


@given(st.data())
def test_a_class_of_three_images_is_in_every_part(data: st.DataObject) -> None:
    """For people of one class each; of two images one is in train and one in test."""
    labels = data.draw(st.lists(st.sampled_from("abcdefg"), max_size=60))
    classes = {f"{number}.jpg": [label] for number, label in enumerate(labels)}
    parts, _ = drawn_by_class(classes)
    assert parts.keys() == classes.keys()
    for label in set(labels):
        there = {parts[path] for path, group in classes.items() if label in group}
        number = labels.count(label)
        assert there >= ({"train", "val", "test"} if number > 2 else {"train", "test"} if number == 2 else set())
    shuffled = data.draw(st.permutations(list(classes)))
    assert drawn_by_class({path: classes[path] for path in shuffled})[0] == parts


def test_a_draw_that_has_every_class_everywhere_is_left_alone() -> None:
    classes = {str(k): ["ab"[k % 2]] for k in range(1000)}
    assert drawn_by_class(classes) == (drawn(classes), 0)


def test_an_image_more_moves_few_of_a_mended_draw() -> None:
    classes = {f"{k}.jpg": [f"class {k % 4}"] for k in range(44)}
    before, after = drawn_by_class(classes)[0], drawn_by_class(classes | {"new.jpg": ["class 0"]})[0]
    assert sum(before[path] != after[path] for path in before) <= 6


def test_images_of_several_classes_are_told_where_they_stand_in_each_others_way() -> None:
    """Three images hold all six classes, two each: every part has one image, so lacks four classes."""
    classes = {"a": ["1", "2"], "b": ["3", "4"], "c": ["5", "6"]}
    parts, _ = drawn_by_class(classes)
    assert len(lacking(classes, parts)) == 12
