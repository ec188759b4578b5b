"""Markup that cannot be broken out of; pictures whose lengths are the numbers; colours and layouts that repeat."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heads.page.beside import grouped
from heads.page.charts import LINES, Mark, axis_end, axis_start, bars, dots
from heads.page.curves import curve, limits
from heads.page.elements import Html, element, join, number, table
from heads.page.page import STYLE
from heads.page.projection import tsne
from heads.page.scatter import COLOURS, SHAPES, legend, scatter, shape

# Linear RGB seen by somebody without one kind of cone. Source: Machado, Oliveira and Fernandes 2009, severity 1.0.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "full": np.eye(3).tolist(),
}
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


@given(TEXT, TEXT)
def test_any_text_comes_back_as_it_was(words: str, attribute: str) -> None:
    found = ET.fromstring(element("p", words, " ", element("b", words), title=attribute))
    assert (found.text or "") == f"{words} "
    assert (found[0].text or "") == words
    assert found.get("title") == attribute


def test_markup_stays_and_text_does_not() -> None:
    assert join([Html("<b>1</b>"), "<b>"], ", ") == "<b>1</b>, &lt;b&gt;"
    assert (
        element("path", d="M0 0", class_="a", stroke_width=2, id=None) == '<path d="M0 0" class="a" stroke-width="2"/>'
    )
    assert [number(value) for value in (1.0, 1.25, 0.04, 10)] == ["1", "1.2", "0", "10"]


def test_a_table_has_a_caption_and_headings() -> None:
    found = ET.fromstring(table("what", ["a", "b"], [["x", "1"]], numbers=1))
    assert found.find("table/caption/span").text == "what"  # type: ignore[union-attr]
    assert [one.get("scope") for one in found.iter("th")] == ["col", "col", "row"]
    assert [one.get("class") for one in found.iter("td")] == ["number"]


@pytest.mark.parametrize(("largest", "end"), [(0.31, 0.4), (0.4, 0.4), (0.95, 1.0), (1.0, 1.0), (0.0, 0.1)])
def test_an_axis_ends_at_the_next_tenth(largest: float, end: float) -> None:
    assert axis_end(largest) == pytest.approx(end)


def test_bars_are_as_long_as_the_numbers() -> None:
    marks = [Mark("a", 0.1, 0.05, 0.15), Mark("b", 0.4, 0.35, 0.5), Mark("x" * 40, 0.2, 0.2, 0.2)]
    found = ET.fromstring(bars("t", marks, level=0.25, top=0.5))
    widths = [float(one.get("width", 0)) for one in found.iter("rect")]
    assert widths == pytest.approx([w * widths[0] for w in (1, 4, 2)], abs=0.3)
    start = float(next(found.iter("rect")).get("x", 0))
    (line,) = (one for one in found.iter("line") if one.get("class") == LINES[0])
    assert float(line.get("x1", 0)) - start == pytest.approx(2.5 * widths[0], abs=0.3)
    whiskers = [one for one in found.iter("line") if one.get("class") == "whisker"]
    assert float(whiskers[1].get("x2", 0)) - start == pytest.approx(5 * widths[0], abs=0.3)
    words = [one.text for one in found.iter("text")]
    assert {"a", "b", "10.0", "40.0", "20.0", "x" * 16 + "…"} <= set(words)
    assert "x" * 40 + ": 20.00 % [20.00, 20.00]" in [one.text for one in found.iter("title")]
    assert found.get("role") == "img"
    assert found.get("aria-label") == "t"


def test_a_diamond_only_where_something_is_published() -> None:
    found = ET.fromstring(dots("t", [Mark("a", 0.1, 0, 0.2, 0.3), Mark("b", 0.1, 0, 0.2)], [0.9, 0.4, 0.3], 0.5))
    assert len([one for one in found.iter("path") if one.get("class") == "paper"]) == 1
    drawn = [one.get("class") for one in found.iter("line") if one.get("class") in LINES]
    assert drawn == ["dotted", "fine"], "the first is beyond the axis"


def test_a_curve_goes_through_the_means() -> None:
    values = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 2.0]])
    found = ET.fromstring(curve("t", "loss", values, 0, 4, [(2, 3.0)]))
    paths = {one.get("class"): one.get("d", "") for one in found.iter("path")}
    ys = [float(pair.split()[1]) for pair in paths["curve"][1:].split("L")]
    assert np.diff(ys) == pytest.approx([-1.5 * 27, 0], abs=0.2), "108 pixels are 4"
    assert paths["band"].count("L") == 5
    (ring,) = (one for one in found.iter("circle") if one.get("class") == "best")
    assert float(ring.get("cy", 0)) == pytest.approx(128 - 3 * 27, abs=0.2)


def test_one_epoch_is_a_dot() -> None:
    found = ET.fromstring(curve("t", "loss", np.array([[0.5]]), 0, 1, [(1, 0.5)]))
    assert {one.get("class") for one in found.iter("circle")} == {"dot", "best"}


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5))
def test_axes_hold_every_value(values: list[float]) -> None:
    low, high = limits([np.array(values)])
    assert low <= min(values) + 1e-6
    assert high >= max(values) - 1e-6
    assert high > low
    assert limits([np.array([0.22, 0.52])]) == pytest.approx((0.2, 0.6))


def test_every_sample_is_drawn_once_in_its_class() -> None:
    points, labels = np.array([[0, 0], [1, 1], [0.5, 0.5]]), np.array([0, 1, 1])
    found = ET.fromstring(scatter("t", points, labels, ["a", "b", "c"]))
    drawn = [one.get("d", "").count("M") for one in found.iter("path")]
    assert drawn == [1, 2, 0]
    assert found[1].get("d", "").startswith("M10 10m")
    assert [one.text for one in found.iter("title")] == ["t", "a", "b", "c"]
    assert "a (1)" in legend(["a", "b"], [1, 2])


def test_classes_differ_in_shape_and_in_colour_to_every_eye() -> None:
    assert len({shape(label) for label in range(len(SHAPES))}) == len(SHAPES) == COLOURS
    style = STYLE.read_text()
    themes = [dict(re.findall(r"--(c\d|card): (#\w{6})", part)) for part in style.split("@media")[:2]]
    for theme in themes:
        for kind, matrix in BLIND.items():
            seen = {name: _lab(colour, matrix) for name, colour in theme.items() if name in {f"c{n}" for n in range(6)}}
            for one, other in itertools.combinations(sorted(seen), 2):
                assert np.linalg.norm(seen[one] - seen[other]) > 9, (kind, one, other)
            card = _lab(theme["card"], matrix)
            assert all(np.linalg.norm(colour - card) > 25 for colour in seen.values()), kind


def _lab(colour: str, matrix: list[list[float]]) -> np.ndarray:
    """CIELAB (D65) of a colour as seen through ``matrix``."""
    coded = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ seen / [0.9505, 1.0, 1.089]
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def test_a_layout_repeats_and_keeps_clusters_together() -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    vectors = (10 * np.eye(3)[labels] + draw.normal(size=(60, 3))).astype(np.float32)
    found, again = tsne(vectors, labels), tsne(vectors, labels)
    assert found is not None
    assert again is not None
    np.testing.assert_array_equal(found.points, again.points)
    assert found.points.min() >= 0
    assert found.points.max() <= 1
    distance = np.linalg.norm(found.points[:, None] - found.points[None], axis=2) + 9 * np.eye(60)
    assert (labels[distance.argmin(1)] == labels).all()


def test_of_many_samples_some_are_drawn_and_few_are_too_few() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    found = tsne(vectors, np.arange(50), most=20)
    assert found is not None
    assert (len(found.points), found.of) == (20, 50)
    assert len(set(found.labels.tolist())) == 20
    assert tsne(vectors[:3], np.arange(3)) is None


def test_a_class_has_a_level_of_its_own() -> None:
    """By arithmetic: the axis from 112 to 300 is 0 to 1, so one quarter is at 159."""
    marks = [Mark("Fear", 0.5, 0.4, 0.6, level=0.25), Mark("Anger", 0.5, 0.4, 0.6)]
    found = ET.fromstring(bars("what", marks, None, 1.0))
    fear, anger = (one for one in found.iter("g") if one.find("rect") is not None)
    lines = [one for one in fear.iter("line") if one.get("class") == LINES[0]]
    assert [(one.get("x1"), one.get("x2")) for one in lines] == [("159", "159")]
    assert fear.find("title").text.endswith("without learning 25.00 %")  # type: ignore[union-attr]
    assert not [one for one in anger.iter("line") if one.get("class") == LINES[0]]


def test_numbers_below_0_are_inside_the_picture_with_an_axis_that_goes_there() -> None:
    """R2 by dimension: -20 % and +20 % lie as far from 0, on its two sides; what is below -100 % is cut there."""
    shown = {"a": {"valence": {"mean": -0.2, "ci95": [-0.3, -0.1]}, "arousal": {"mean": 0.2, "ci95": [0.1, 0.3]}}}
    drawn = ET.fromstring(grouped("R2", shown))
    points = [float(one.get("d", "M0").split(" ")[0][1:]) for one in drawn.iter("path")]
    ticks = {one.text: float(one.get("x", "0")) for one in drawn.iter("text") if one.get("class") == "tick"}
    assert (points[0] + points[1]) / 2 == pytest.approx(ticks["0"], abs=0.2)
    assert min(points) > 100
    low = {"a": {"valence": {"mean": -5.0, "ci95": [-1e6, -3.0]}}}
    (point,) = [float(one.get("d", "M0").split(" ")[0][1:]) for one in ET.fromstring(grouped("R2", low)).iter("path")]
    assert point == 112  # where the axis begins
    assert (axis_start(-0.31), axis_start(0.2), axis_end(-3.0)) == (-0.4, 0.0, 0.1)
