"""Class by class: the paper's number, ours and the difference, of every head; the best head of a class in bold."""

import csv
import io
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from heads.page import page
from heads.page.material import Material
from heads.tables import classes, written

KEYS = ("seeds", "parameters", "seconds", "left_out")


def score(mean: float) -> dict[str, Any]:
    return {"mean": mean, "ci95": [mean - 0.01, mean + 0.02], "std": 0.0, "values": [mean]}


def row(name: str, told: dict[str, tuple[float, dict[str, float]]], paper: dict[str, Any] | None) -> dict[str, Any]:
    described = dict(zip(KEYS, (1, 10, 1.0, {}), strict=True)) | {"features": [name], "paper": paper}
    by_class = {key: {each: score(value) for each, value in known.items()} for key, (_, known) in told.items()}
    return {
        "name": name,
        "head": name,
        "judged_by": "map",
        "best_epochs": [1],
        "validation": [0.1],
        "metrics": {key: score(mean) for key, (mean, _) in told.items()},
        "classes": by_class,
        **described,
    }


@pytest.fixture
def document() -> dict[str, Any]:
    metrics = [
        {"name": "map", "title": "mAP", "unit": "%", "scale": 100, "better": "higher"},
        {"name": "vad_error", "title": "VAD error", "unit": "%", "scale": 100, "better": "lower"},
    ]
    about = {"source": "T", "dataset": "emotic", "release": "PAMI'19", "split": "test", "remark": "tuned"}
    paper = {"map": 0.25, "classes": {"map": {"Doubt/Confusion": 0.2, "Yearning": 0.1}}, **about}
    rows = [
        row("a_1", {"map": (0.2, {"Affection": 0.1, "Doubt/Confusion": 0.3})}, paper),
        row(
            "b",
            {"map": (0.3, {"Affection": 0.4, "Doubt/Confusion": 0.3}), "vad_error": (0.09, {"valence": 0.09})},
            None,
        ),
    ]
    features = [{"name": "a_1", "fingerprint": "f", "trained": True, "used": True}]
    features += [{"name": "b", "fingerprint": "f", "trained": False, "used": True}]
    labels = {"caption": "c", "columns": ["class"], "numbers": 0, "rows": [], "notes": []}
    told = {"dataset": "emotic", "release": "PAMI'19", "protocol": "p", "caption": "people", "about": "", "notes": []}
    more = {"over": "images", "sizes": {"test": 3}, "people": {}, "levels": [], "reference": None, "labels": labels}
    return {**told, **more, "metrics": metrics, "features": features, "rows": rows}


def test_each_class_has_paper_ours_and_difference(document: dict[str, Any]) -> None:
    text = classes.markdown(document)
    table = [re.split(r" *\| *", line)[1:-1] for line in text.split("\n\n")[1].splitlines()]
    assert table[0] == ["class", "mAP %", "a_1", "b (UNTRAINED)"]
    assert table[2:] == [
        ["Affection", "ours", "10.00 [9.00, 12.00]", "40.00 [39.00, 42.00]"],
        ["Doubt/Confusion", "paper", "20.00", ""],
        ["", "ours", "30.00 [29.00, 32.00]", "30.00 [29.00, 32.00]"],
        ["", "difference", "+10.00 [+9.00, +12.00]", ""],
        ["Yearning", "paper", "10.00", ""],
        ["", "ours", "-", "-"],
        ["(mean)", "paper", "25.00", ""],
        ["", "ours", "20.00 [19.00, 22.00]", "30.00 [29.00, 32.00]"],
        ["", "difference", "-5.00 [-6.00, -3.00]", ""],
    ]
    assert "Paper: T, measured on emotic (PAMI'19, test), tuned." in text


def test_csv_holds_every_number_as_a_fraction(document: dict[str, Any]) -> None:
    lines = list(csv.DictReader(io.StringIO(classes.comma_separated(document))))
    found = {(one["metric"], one["head"], one["class"]): one for one in lines}
    assert len(lines) == 2 * 4 + 2 * 2
    doubt = found["map", "a_1", "Doubt/Confusion"]
    assert (doubt["paper"], float(doubt["ours"]), float(doubt["difference_high"])) == ("0.2", 0.3, pytest.approx(0.12))
    assert (found["map", "a_1", "Yearning"]["paper"], found["map", "a_1", "Yearning"]["ours"]) == ("0.1", "")
    assert found["vad_error", "b", "valence"]["untrained_features"] == "b"


def test_the_best_head_of_a_class_is_bold(document: dict[str, Any]) -> None:
    text = classes.latex(document)
    assert r"Affection & 10.00 & \textbf{40.00} \\" in text
    assert r"Doubt/Confusion & \textbf{30.00} & \textbf{30.00} \\" in text
    assert r"mAP \% & a\_1 & b (UNTRAINED) \\" in text
    assert text.count(r"\begin{tabular}{lrr}") == text.count(r"\bottomrule") == 2


def test_files_and_page_have_them_and_lose_them_with_the_classes(document: dict[str, Any], tmp_path: Path) -> None:
    names = {f"classes.{suffix}" for suffix in ("md", "csv", "tex")}
    written.write(tmp_path, document)
    assert names <= {path.name for path in tmp_path.iterdir()}
    text = page.html(Material("run", document)).removeprefix("<!DOCTYPE html>\n")
    (section,) = (one for one in ET.fromstring(text).iter("section") if one.get("id") == "by-class")
    assert len(section.findall(".//table")) == 2
    assert "Doubt/Confusionpaper20.00ours" in "".join(section.itertext())
    for one in document["rows"]:
        del one["classes"]
    written.write(tmp_path, document)
    assert not names & {path.name for path in tmp_path.iterdir()}
    assert 'id="by-class"' not in page.html(Material("run", document))
