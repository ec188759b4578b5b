"""The page's pictures as files: whole without the style sheet, named by what they show, old ones gone."""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from heads.page import charts, page
from heads.page.charts import Mark
from heads.page.curves import curve
from heads.page.elements import Html, element
from heads.page.outcome import card, warned
from heads.page.scatter import legend, scatter

SVG = "{http://www.w3.org/2000/svg}"
GREEN = "#009e73"


def written(folder: Path, *pictures: Html) -> dict[str, ET.Element]:
    body = element("section", *(card("A & B", one, "dashed: chance.") for one in pictures), id="results")
    text = f"<!DOCTYPE html>\n{element('html', element('body', body))}\n"
    page.write(folder, text)
    assert (folder / "report.html").read_text() == text
    return {path.name: ET.parse(path).getroot() for path in (folder / "figures").iterdir()}


@pytest.fixture
def dots() -> Html:
    return charts.dots("Accuracy, Table 1", [Mark("<head>", 0.3, 0.2, 0.4, paper=0.5)], [0.17], 0.6)


def test_a_picture_has_its_own_colours_and_fonts(dots: Html, tmp_path: Path) -> None:
    found = written(tmp_path, dots)["results-accuracy-table-1.svg"]
    assert found.tag == f"{SVG}svg"
    assert found.get("font-family") == "Helvetica, Arial, sans-serif"
    text = (tmp_path / "figures/results-accuracy-table-1.svg").read_text()
    assert "class=" not in text
    assert "var(" not in text
    (dot,) = found.iter(f"{SVG}circle")
    (diamond,) = found.iter(f"{SVG}path")
    dashed = next(line for line in found.iter(f"{SVG}line") if line.get("stroke-dasharray"))
    assert (dot.get("fill"), diamond.get("stroke"), diamond.get("fill")) == ("#0b62a8", "#d55e00", "#f7f8f9")
    assert (dashed.get("stroke"), dashed.get("stroke-dasharray")) == ("#59636e", "5 3")
    words = {one.text: one for one in found.iter(f"{SVG}text")}
    assert (words["<head>"].get("font-size"), words["<head>"].get("fill")) == ("12px", "#1b1f24")
    assert (words["%"].get("font-size"), words["%"].get("fill")) == ("11px", "#59636e"), "the class outweighs the tag"
    assert [one.text for one in found.iter(f"{SVG}desc")] == ["A & B. dashed: chance"]


def test_a_cloud_has_its_legend_and_its_classes_colours(tmp_path: Path) -> None:
    points, labels = np.array([[0.1, 0.2], [0.5, 0.5], [0.9, 0.1]]), np.array([0, 1, 2])
    names = ("Anger", "Joy", "Fear")
    drawn = Html(scatter("t-SNE", points, labels, names) + legend(names, [1, 1, 1]))
    found = written(tmp_path, drawn)["results-t-sne.svg"]
    assert [one.text for one in found.iter(f"{SVG}text")] == ["Anger (1)", "Joy (1)", "Fear (1)"]
    colours = [one.get("fill") for one in found.iter(f"{SVG}path")]
    assert colours == ["#0072b2", "#d55e00", GREEN] * 2
    height = float(found.get("viewBox", "").split()[3])
    assert height == 340 + 3 * 18 + 12


def test_pictures_of_one_name_are_numbered_and_old_ones_go(dots: Html, tmp_path: Path) -> None:
    line = curve("Loss", "loss", np.array([[1.0], [0.5]]), 0.0, 1.0)
    assert set(written(tmp_path, dots, dots, line)) == {
        *("results-accuracy-table-1.svg", "results-accuracy-table-1-2.svg", "results-loss.svg"),
    }
    mine = tmp_path / "figures" / "mine.svg"
    mine.write_text("<svg/>")
    assert set(written(tmp_path, line)) == {"results-loss.svg", "mine.svg"}
    assert mine.read_text() == "<svg/>"


def test_a_picture_of_untrained_features_says_so(dots: Html, tmp_path: Path) -> None:
    (plain,) = written(tmp_path, dots).values()
    (marked,) = written(tmp_path, Html(dots + warned(["a"]))).values()
    shown = [[one.text for one in found.iter(f"{SVG}text")] for found in (plain, marked)]
    assert shown[1] == [*shown[0], "UNTRAINED features (*): no result"]
    heights = [float(found.get("height", "")) for found in (plain, marked)]
    assert heights[1] == heights[0] + 18
