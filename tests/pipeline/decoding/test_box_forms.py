"""Forms of boxes: each becomes the same corners; a wrong form is doubted, a sound table never."""

import random

import numpy as np
import pytest

from pipeline.decoding.box_forms import FORMS, crowded, doubt, to_xyxy
from pipeline.decoding.boxes import LEAST_SIDE

Box = tuple[float, float, float, float]


def arrays(boxes: list[Box], sizes: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(boxes, np.float64).reshape(-1, 4), np.array(sizes, np.float64).reshape(-1, 2)


def written(box: Box, form: str, size: tuple[int, int]) -> Box:
    """Corners in pixels as another program would write them."""
    x1, y1, x2, y2 = box
    if form.endswith("xywh"):
        x2, y2 = x2 - x1, y2 - y1
    width, height = size if form.startswith("normalised") else (1, 1)
    return (x1 / width, y1 / height, x2 / width, y2 / height)


def sound(draw: random.Random, rows: int) -> tuple[list[Box], list[tuple[int, int]]]:
    """Bodies, whole images, tiny faces, and a few that leave the image, by a detector's pixel or by an annotator's
    stroke; in every image at least LEAST_SIDE wide."""
    boxes, sizes = [], []
    for _ in range(rows):
        width, height = draw.randint(20, 4000), draw.randint(20, 4000)
        kind = draw.choices(("body", "whole", "face", "over"), (6, 2, 2, 1))[0]
        least = LEAST_SIDE if kind == "face" else 8
        w, h = (
            draw.uniform(least, 12 if kind == "face" else width),
            draw.uniform(least, 12 if kind == "face" else height),
        )
        x, y = draw.uniform(0, max(0, width - w)), draw.uniform(0, max(0, height - h))
        if kind == "whole":
            edge = draw.choice((0, 0, 1, 3))
            x, y, w, h = -edge, -edge, width + 2 * edge, height + 2 * edge
        if kind == "over":
            x, w = draw.choice(((x, width), (-w / 3, w)))
        boxes.append((x, y, x + w, y + h))
        sizes.append((width, height))
    return boxes, sizes


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_are_the_same_corners(form: str) -> None:
    assert to_xyxy(written((10, 20, 50, 80), form, (100, 90)), form, (100, 90)) == pytest.approx((10, 20, 50, 80))


def test_whole_images_stay_whole() -> None:
    assert to_xyxy((0, 0, 1, 1), "normalised", (101, 77)) == (0, 0, 101, 77)
    assert to_xyxy((0, 0, 1, 1), "normalised_xywh", (101, 77)) == (0, 0, 101, 77)


def test_a_sound_table_is_never_doubted() -> None:
    """Of any length, one row and two as well."""
    draw = random.Random(0)
    for _ in range(3000):
        boxes, sizes = sound(draw, draw.choice((0, 1, 1, 2, 3, 5, 20)))
        for form in FORMS:
            as_form = [written(*one) for one in zip(boxes, [form] * len(boxes), sizes, strict=True)]
            assert doubt(*arrays(as_form, sizes), form) is None, (form, boxes, sizes)


def test_tables_of_another_form_are_doubted_and_the_form_named() -> None:
    """Fifty people, most of them to the right of or below the first quarter, as people are."""
    draw = random.Random(1)
    sizes = [(640, 480)] * 50
    boxes = []
    for _ in sizes:
        x, y = draw.uniform(0, 500), draw.uniform(0, 300)
        boxes.append((x, y, draw.uniform(x + 20, 640), draw.uniform(y + 20, 480)))
    for form in FORMS:
        found = doubt(*arrays([written(box, form, (640, 480)) for box in boxes], sizes), "xyxy")
        assert found is None if form == "xyxy" else found is not None and found.forms == (form,), form
    found = doubt(*arrays(boxes, sizes), "xywh")
    assert found is not None
    assert (found.forms, found.cure) == (("xyxy",), "Likely it is BOX=xyxy (left, top, right, bottom in pixels)")
    found = doubt(*arrays(boxes, sizes), "normalised")
    assert found is not None
    assert found.forms == ("xyxy",)


def test_one_reversed_box_is_enough_and_is_the_one_that_is_named() -> None:
    boxes, sizes = arrays([(10, 10, 80, 90), (50, 20, 30, 60), (20, 30, 70, 60)], [(100, 100)] * 3)
    found = doubt(boxes, sizes, "xyxy")
    assert found is not None
    assert (found.forms, found.first) == (("xywh",), 1)
    assert found.text == "as xyxy 1 of 3 boxes have no 4 pixels each way or leave their images, as xywh 3 fit"


def test_a_reversed_box_among_boxes_that_do_not_fit_otherwise_is_no_other_form() -> None:
    assert doubt(*arrays([(60, 60, 90, 90), (50, 20, 30, 60)], [(100, 100)] * 2), "xyxy") is None


def test_numbers_in_0_to_1_that_are_neither_corners_nor_extents_may_be_middles() -> None:
    found = doubt(*arrays([(0.5, 0.5, 0.9, 0.9), (0.9, 0.5, 0.2, 0.3)], [(100, 100)] * 2), "xyxy")
    assert found is not None
    assert found.forms == ()
    assert "if they tell middles, write corners" in found.cure


def test_boxes_that_lie_mostly_outside_are_of_no_image_in_any_form() -> None:
    """Thousandths of a small image; half of two is enough of nothing, and whoever is half out of it is no matter."""
    thousandths: list[Box] = [(100, 100, 400, 900)] * 3
    half_out: list[Box] = [(206, 10, 306, 180)] * 3
    found = doubt(*arrays([*half_out, *thousandths], [(256, 192)] * 6), "xyxy")
    assert found is not None
    assert (found.forms, found.first) == ((), 3)
    assert found.text == "3 of 6 boxes reach far out of their images"
    assert "in thousandths, or of a resized copy?" in found.cure
    assert doubt(*arrays([*half_out, *thousandths[:2]], [(256, 192)] * 5), "xyxy") is None
    assert doubt(*arrays(half_out, [(256, 192)] * 3), "xyxy") is None
    assert doubt(*arrays(thousandths[:1], [(256, 192)]), "xyxy") is None
    assert doubt(*arrays(thousandths, [(0, 0)] * 3), "xyxy") is None


def test_shares_that_may_be_either_name_both() -> None:
    found = doubt(*arrays([(0.1, 0.1, 0.4, 0.5)], [(100, 100)]), "xyxy")
    assert found is not None
    assert found.forms == ("normalised", "normalised_xywh")


def test_boxes_all_towards_the_upper_left_are_worth_a_word_from_eight_on() -> None:
    boxes = [(10.0, 10.0, 60.0, 70.0)] * 8
    assert crowded(*arrays(boxes, [(100, 100)] * 8), "xyxy")
    assert not crowded(*arrays(boxes[1:], [(100, 100)] * 7), "xyxy")
    assert not crowded(*arrays([*boxes, (40, 40, 70, 70)], [(100, 100)] * 9), "xyxy")
    assert not crowded(*arrays(boxes, [(100, 100)] * 8), "xywh")
