"""Rows in line where they differ in one number, and where each point, interval and class of several rows is drawn."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_features import CATEGORIES, make_store, people

from heads.commands._grids import ablate
from heads.documents import results
from heads.drawing import Ordered
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.page import beside, falling, page
from heads.page import material as page_material
from heads.page.curves import limits
from heads.page.lines import Point, lines
from heads.page.material import Material, Shown, gather
from heads.page.sweeps import Sweep, sweeps

MAP = {"name": "map", "title": "mAP", "unit": "%", "scale": 100}
ERROR = {"name": "rank", "title": "rank error", "unit": "", "scale": 1}


def row(name: str, head: str = "ml_gcn", mean: float = 0.3, **settings: Any) -> dict[str, Any]:
    score = {"mean": mean, "ci95": [mean - 0.1, mean + 0.1]}
    return {
        "name": name,
        "head": head,
        "settings": settings,
        "features": ["body"],
        "metrics": {"map": score},
        "parameters": 5,
        "validation": [mean],
        "judged_by": "mAP %",
    }


def told(found: Sweep) -> tuple[str, str | None, Mapping[str, float], list[tuple[float | None, list[str]]]]:
    lines = [(line.value, [str(row["name"]) for _, row in line.points]) for line in found.lines]
    return found.setting, found.second, found.fixed, lines


def material(*rows: dict[str, Any], **more: Any) -> Material:
    features = [{"name": "body", "trained": more.pop("trained", True)}]
    heads = more.pop("heads", ())
    return Material("demo", {"rows": rows, "metrics": [MAP], "features": features, **more}, heads=heads)


def of_class(found: ET.Element, kind: str) -> list[ET.Element]:
    return [one for one in found.iter() if kind in one.get("class", "").split()]


def test_a_whole_grid_is_drawn_once_along_the_number_with_the_most_values() -> None:
    rows = [row(f"{p}-{tau}", loss="bce", p=p, seed=True, tau=tau) for p in (0.2, 0.1) for tau in (0.3, 0.1, 0.2)]
    (found,) = sweeps(rows)
    assert told(found) == (
        "tau",
        "p",
        {},
        [(0.1, ["0.1-0.1", "0.1-0.2", "0.1-0.3"]), (0.2, ["0.2-0.1", "0.2-0.2", "0.2-0.3"])],
    )


def test_a_cross_of_two_numbers_is_drawn_twice_with_what_the_other_is() -> None:
    """As figure 4.9: tau at p = 0.25, then p at tau = 0.4."""
    rows = [row(f"tau{tau}", tau=tau, p=0.25) for tau in (0.1, 0.4, 0.7)]
    rows += [row(f"p{p}", tau=0.4, p=p) for p in (0.5, 0.75)]
    assert [told(one) for one in sweeps(rows)] == [
        ("tau", None, {"p": 0.25}, [(None, ["tau0.1", "tau0.4", "tau0.7"])]),
        ("p", None, {"tau": 0.4}, [(None, ["tau0.4", "p0.5", "p0.75"])]),
    ]


def test_a_third_number_makes_pictures_of_its_own() -> None:
    rows = [
        row(f"{a}{b}{c}", a=a, b=b, c=c) for a in (1, 2, 3) for b in (5, 6) for c in (8, 9) if (a, b, c) != (3, 6, 9)
    ]
    assert [told(one)[:3] for one in sweeps(rows)] == [("a", "b", {"c": 8}), ("a", "b", {"c": 9})]


def test_other_heads_other_words_and_numbers_that_are_none_are_in_no_line() -> None:
    rows = [
        row("one", tau=0.1, loss="bce"),
        row("other head", head="linear", tau=0.2, loss="bce"),
        row("other word", tau=0.3, loss="focal"),
        row("other kind", tau=None, loss="bce"),
        row("truth", tau=0.1, loss="bce", flag=True),
        row("lie", tau=0.1, loss="bce", flag=False),
        row("more", tau=0.5, loss="bce", p=0.1),
    ]
    assert sweeps(rows) == []
    assert beside.sweeps_section(material(*rows)) == ""


def test_ten_lines_are_in_two_pictures_for_there_are_eight_colours() -> None:
    rows = [row(f"{a}-{b}", a=a, b=b) for a in range(11) for b in range(10)]
    assert [len(one.lines) for one in sweeps(rows)] == [8, 2]


def test_points_and_intervals_are_where_the_numbers_are() -> None:
    """By arithmetic: 58 to 316 are 0.1 to 0.5, 190 to 20 are 0 to 40, and two lines are 3 pixels apart."""
    series = [
        [Point(0.1, 10, 0, 20, "first"), Point(0.5, 20, 10, 30, "last")],
        [Point(0.1, 40, 40, 40, ""), Point(0.3, 20, 20, 20, "")],
    ]
    found = ET.fromstring(lines("t", "mAP %", "tau", series, (0, 40)))
    drawn = [one.get("d") for one in of_class(found, "line")]
    assert drawn == ["M56.5 147.5L314.5 105", "M59.5 20L188.5 105"]
    reach = of_class(found, "reach")[0]
    assert [reach.get(name) for name in ("x1", "x2", "y1", "y2")] == ["56.5", "56.5", "190", "105"]
    assert [one.text for one in found.iter("title")][:3] == ["t", "first", "last"]
    words = {one.text: one.get("x") for one in found.iter("text")}
    assert (words["0.1"], words["0.3"], words["0.5"]) == ("58", "187", "316")
    assert of_class(found, "solid")[0].get("d", "").startswith("M56.5 147.5m")


def test_numbers_of_several_sizes_are_set_apart_by_their_ratios() -> None:
    points = [Point(x, 1, 1, 1, "") for x in (1e-4, 1e-3, 1e-2)]
    found = ET.fromstring(lines("t", "loss", "learning_rate", [points], (0, 2)))
    assert of_class(found, "line")[0].get("d") == "M58 105L187 105L316 105"
    crowded = [Point(x, 1, 1, 1, "") for x in (1, 1.1, 2)]
    words = [one.text for one in ET.fromstring(lines("t", "n", "x", [crowded], (0, 2))).iter("text")]
    assert "1.1" not in words
    assert {"1", "2"} <= set(words)


def test_a_sweeps_card_tells_lines_what_is_fixed_and_untrained_features() -> None:
    rows = [row(f"{a}{b}", a=a, b=b, c=3) for a in (1, 2, 3) for b in (5, 6)]
    found = ET.fromstring(f"<div>{beside.sweeps_section(material(*rows, trained=False))}</div>")
    (picture,) = of_class(found, "plot")
    assert picture.get("aria-label") == "mAP over a, a line for each b, ml_gcn"
    assert [one.find("svg").tail for one in found.iter("li")] == ["b = 5", "b = 6"]  # type: ignore[union-attr]
    titles = [one.text for one in picture.iter("title")]
    assert "15, a = 1, b = 5: 30.00 [20.00, 40.00] %" in titles
    assert "UNTRAINED features in 15, 25, 35, 16, 26, 36" in "".join(found.itertext())
    cross = [*(row(f"a{a}", a=a, b=5) for a in (1, 2)), row("b", a=1, b=6)]
    captions = [
        "".join(one.itertext())
        for one in ET.fromstring(f"<div>{beside.sweeps_section(material(*cross))}</div>").iter("figcaption")
    ]
    assert captions == ["b = 5.", "a = 1."]


def test_a_sweep_without_a_metric_in_some_row_has_no_picture_of_it() -> None:
    rows = [row("1", a=1), row("2", a=2)]
    found = material(*rows, metrics=[MAP, ERROR])
    rows[0]["metrics"]["rank"] = {"mean": 1.0, "ci95": [0.0, 2.0]}
    assert beside.sweeps_section(found).count("<figure>") == 1
    rows[1]["metrics"]["rank"] = {"mean": 2.0, "ci95": [1.0, 3.0]}
    assert beside.sweeps_section(found).count("<figure>") == 2


def classed(name: str, mean: float, **classes: float) -> dict[str, Any]:
    scores = {word: {"mean": one, "ci95": [one / 2, one + 0.1]} for word, one in classes.items()}
    return row(name, mean=mean) | {"classes": {"map": scores}}


def test_classes_of_the_reference_the_first_and_the_best_stand_beside_each_other() -> None:
    rows = [
        classed("a", 0.2, Joy=0.2),
        classed("b", 0.1, Joy=0.3),
        classed("c", 0.5, Joy=0.4),
        classed("d", 0.3, Joy=0.5),
    ]
    names = [one["name"] for one in beside.chosen(material(*rows, reference="d"))]
    assert names == ["d", "a", "c"]
    assert [one["name"] for one in beside.chosen(material(*rows, heads=("b",)))] == ["b"]
    assert beside.classes_section(material(rows[0])) == "", "one alone is in Classes"
    assert beside.classes_section(material(*rows, metrics=[{**MAP, "unit": ""}])) == "", "no axis of per cent"
    found = ET.fromstring(beside.classes_section(material(*rows, reference="d", trained=False)))
    assert [one.find("svg").tail for one in found.iter("li")] == ["d *", "a *", "c *"]  # type: ignore[union-attr]
    assert "UNTRAINED features in d, a, c" in "".join(found.itertext())


def test_a_class_has_a_point_a_row_and_an_absent_one_leaves_its_place() -> None:
    """By arithmetic: 112 to 312 are 0 to 1; a class is 2 x 13 + 9 pixels high."""
    rows = [classed("a", 0.2, Joy=0.9, Fear=0.5), classed("b", 0.4, Fear=0.25)]
    found = ET.fromstring(beside.classes_section(material(*rows)))
    points = [(one.get("class", "")[:2], one.get("d", "").split("m")[0]) for one in of_class(found, "solid")]
    assert points[:3] == [("c0", "M292 11"), ("c0", "M212 46"), ("c1", "M162 59")]
    reach = of_class(found, "reach")[1]
    assert [reach.get(name) for name in ("x1", "x2", "y1", "y2")] == ["162", "232", "46", "46"]
    assert "Fear, b: 25.00 [12.50, 35.00] %" in [one.text for one in found.iter("title")]


def test_a_falling_curve_has_each_models_people_in_its_own_order() -> None:
    """By arithmetic: models of 4, 2, 0 and of 2, 4, 3 fall as 4, 2, 0 and 4, 3, 2; 108 pixels are 0 to 4."""
    values = np.array([[2.0, 0.0, 4.0], [2.0, 4.0, 3.0]])
    found = ET.fromstring(falling.falling("t", "Jaccard %", values, 0, 4))
    (curve,), (band,) = of_class(found, "curve"), of_class(found, "band")
    assert curve.get("d") == "M44 20L187 60.5L330 101"
    assert band.get("d") == "M44 20L187 47L330 74L330 128L187 74L44 20z"
    (mean,) = of_class(found, "dashed")
    assert mean.get("y1") == mean.get("y2") == "60.5", "2.5 of 4"
    alone = ET.fromstring(falling.falling("t", "n", np.array([[3.0]]), 0, 4))
    assert of_class(alone, "curve")[0].get("d") == "M44 47L330 47"


def test_of_many_people_the_curve_keeps_the_ends() -> None:
    values = np.random.default_rng(0).permutation(10_001)[None].astype(float)
    found = ET.fromstring(falling.falling("t", "n", values, 0, 10_000))
    points = re.findall(r"([\d.]+) ([\d.]+)", of_class(found, "curve")[0].get("d", ""))
    assert len(points) == 201
    assert [points[0], points[100], points[-1]] == [("44", "20"), ("187", "74"), ("330", "128")]


def test_heads_curves_of_one_score_are_on_one_scale() -> None:
    rows = [row("a"), row("b")]
    shown = {
        "a": Shown([Ordered("People", "In order.", {"Jaccard %": np.array([[0.0, 100.0]])})], {}),
        "b": Shown(
            [Ordered("People", "", {"VAD error %": np.array([[3.0]]), "Jaccard %": np.array([[50.0, 50.0]])})], {}
        ),
    }
    found = Material("demo", {"rows": rows, "metrics": [MAP], "features": []}, shown)
    (one,) = found.drawings
    assert isinstance(one, Ordered)
    drawn = ET.fromstring(f"<div>{falling.section(found, one)}</div>")
    labels = {one.get("aria-label", ""): one for one in of_class(drawn, "plot")}
    assert list(labels) == [
        f"{name} of each person in falling order, {head}"
        for name, head in (("Jaccard %", "a"), ("Jaccard %", "b"), ("VAD error %", "b"))
    ]
    level = of_class(labels["Jaccard % of each person in falling order, b"], "curve")[0]
    assert level.get("d") == "M44 74L330 74", "50 of 0 to 100"
    captions = [one.text for one in drawn.iter("figcaption")]
    assert captions == ["2 people.", "VAD error %: 1, Jaccard %: 2 people."]


def test_the_page_of_a_run_has_all_of_them(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", people(130, categories=CATEGORIES[:4]), features=("body",))
    settings = tuple({"name": f"{lr}", "features": "body", "lr": lr} for lr in (1e-4, 1e-3, 1e-2))
    grid = Grid(heads=("linear",), protocols=("multilabel",), settings=settings)
    ablate(Place(store, "demo", tmp_path, seeds=1), grid, {"epochs": 1, "resamples": 3}, "demo", lambda *_: None)
    folder, heads = tmp_path / "demo", ("linear-0.01", "linear-0.001")
    found = gather(folder, results.read(folder), page_material.Place(store), heads)
    root = ET.fromstring(page.html(found).removeprefix("<!DOCTYPE html>\n"))
    labels = {
        str(one.get("id")): [str(svg.get("aria-label")) for svg in of_class(one, "plot")]
        for one in root.iter("section")
    }
    assert "mAP over lr, linear" in labels["sweeps"]
    assert f"mAP by class, {', '.join(heads)}" in labels["by-class"]
    assert {f"Jaccard % of each person in falling order, linear-{one['lr']}" for one in settings} <= {*labels["people"]}


@pytest.mark.parametrize("top", [100.0, 50.0, 40.0])
def test_an_axis_may_end_where_the_values_end(top: float) -> None:
    assert limits([np.array([0.0, top])]) == (0, top)
