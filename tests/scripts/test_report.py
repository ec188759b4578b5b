"""``make report``'s explanations: whom, which class, how large, and what is said where photographs are not at hand."""

import base64
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_features import CATEGORIES, make_store, people

from cache.store import Store
from heads.cli import main as heads
from heads.commands._grids import ablate
from heads.experiments.evaluate import evaluate
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from scripts import report
from scripts.explaining import crowds, section
from scripts.explaining.picked import Picked, picked

CLASSES = CATEGORIES[:4]
GRID = Grid(
    heads=("linear", "abn"),
    protocols=("multilabel",),
    settings=(
        {"for": ("linear",), "features": "body"},
        {"for": ("abn",), "streams": "C", "regression": "4"},
    ),
)
SECRET = b"taken by somebody"
"""A comment inside every photograph's file."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, a run and photographs."""
    root = tmp_path_factory.mktemp("report")
    store = make_store(root / "store", people(130, categories=CLASSES), features=("body", "context"))
    ablate(Place(store, "demo", root / "runs", seeds=2), GRID, {"epochs": 2, "resamples": 20}, "demo", lambda *_: None)
    for name in set(store.manifest("demo").images):
        path = root / "data" / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (200, 10, 10)).save(path, comment=SECRET)
    return root


def run(place: Path, *words: str) -> list[ET.Element]:
    """The page's sections."""
    where = ["--runs", str(place / "runs"), "--store", str(place / "store"), "--data", str(place / "data")]
    assert report.main([*where, *words]) == 0
    text = (place / "runs/demo/report.html").read_text()
    return list(ET.fromstring(text.removeprefix("<!DOCTYPE html>\n")).iter("section"))


def told(figure: ET.Element) -> dict[str, str]:
    return {str(pair[0].text): str(pair[1].text) for pair in figure.iter("div") if pair.find("dt") is not None}


def by_loops(place: Path, name: str) -> list[Picked]:
    """Of the row's answers on test people."""
    found = evaluate(place / f"runs/demo/{name}.safetensors", Store(place / "store"))
    answer, rows = found.answers()[0], found.trial.rows.tolist()
    expected = []
    for at, word in enumerate(CLASSES):
        best, worst = None, None
        for who, row in enumerate(rows):
            truth, said = found.protocol.truth(found.task, row), answer.said(who)
            share, right = float(answer.shares[who, at]), word in truth.split(", ")
            one = Picked(row, word, "", share, truth, ", ".join(said))
            if right and word in said and (best is None or share > best.share):
                best = one._replace(kind="best")
            size = 1 - share if right else share
            if right != (word in said) and (worst is None or size > worst[0]):
                worst = size, one._replace(kind="missed" if right else "wrongly said")
        expected += [one for one in (best, worst and worst[1]) if one]
    return expected


@pytest.mark.parametrize("name", ["linear", "abn"])
def test_of_each_class_the_best_and_the_worst_are_picked(place: Path, name: str) -> None:
    found, beyond = picked(evaluate(place / f"runs/demo/{name}.safetensors", Store(place / "store")))
    assert (found, beyond) == (by_loops(place, name), [])
    assert {one.kind for one in found} >= {"best"}


def test_of_many_classes_those_with_the_most_test_people_are_taken(place: Path) -> None:
    evaluation = evaluate(place / "runs/demo/linear.safetensors", Store(place / "store"))
    counts = dict.fromkeys(CLASSES, 0)
    for row in evaluation.trial.rows.tolist():
        for word in evaluation.protocol.truth(evaluation.task, row).split(", "):
            counts[word] += 1
    first = sorted(CLASSES, key=lambda word: -counts[word])[:2]
    found, beyond = picked(evaluation, 2)
    assert list(dict.fromkeys(one.word for one in found)) == [word for word in CLASSES if word in first]
    assert beyond == [word for word in CLASSES if word not in first]


def test_a_page_shows_them_small_with_what_the_head_looked_at(place: Path) -> None:
    """Maps are of the card's class, not of the strongest; nothing of the photograph's file but its pixels."""
    part = run(place, "--heads", "abn")[-1]
    figures, expected = list(part.iter("figure")), by_loops(place, "abn")
    assert [figure[0].text for figure in figures] == [f"{one.word}: {one.kind}" for one in expected]
    keys = Store(place / "store").manifest("demo").keys
    for figure, one in zip(figures, expected, strict=True):
        said = told(figure)
        assert (said["person"], said["truth"], said["said"]) == (keys[one.row], one.truth, one.said or "none")
        assert said["share"].startswith(f"{100 * one.share:.1f} %, logit ")
        assert re.fullmatch(r"[+-]\d+\.\d points, logit [+-]\d+\.\d\d", said["context/map"])
        titles = [str(line.text) for line in figure.findall("p")]
        assert titles[0] == "the person"
        assert [title.partition(":")[0] for title in titles[1:]] == [
            "attention on context/map",
            f"class activation map, {one.word}, on context/map",
        ]
        for image in figure.iter("img"):
            data = base64.b64decode(str(image.get("src")).removeprefix("data:image/jpeg;base64,"))
            assert max(Image.open(io.BytesIO(data)).size) <= crowds.SIDE
            assert SECRET not in data
            assert len(data) < 40_000
    assert section.LICENCE in [line.text for line in part.iter("p")]
    linear = run(place, "--heads", "linear")[-1]
    assert "no map in its features" in [line.text for line in linear.iter("p")]


def test_without_photographs_a_line_says_so(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the rest of the page is what ``heads report`` writes, which has no such section."""
    *others, part = run(place, "--data", str(tmp_path))
    (line,) = part.iter("p")
    assert line.text == (
        f"No photographs are at hand: {tmp_path}/demo is not there. ROOT=folder of the dataset shows some people"
    )
    assert line.text in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    (line,) = run(place, "--root", str(tmp_path / "empty"), "--heads", "linear")[-1].iter("p")
    expected = len(by_loops(place, "linear"))
    assert line.text == f"Nobody is explained: none of {expected} is below {tmp_path / 'empty'}"
    assert heads(["report", "--runs", str(place / "runs"), "--store", str(place / "store")]) == 0
    text = (place / "runs/demo/report.html").read_text()
    sections = list(ET.fromstring(text.removeprefix("<!DOCTYPE html>\n")).iter("section"))
    assert [ET.tostring(one) for one in sections] == [ET.tostring(one) for one in others]


def test_a_missing_and_a_broken_photograph_cost_no_other(place: Path) -> None:
    expected, manifest = by_loops(place, "linear"), Store(place / "store").manifest("demo")
    lost, broken = list(dict.fromkeys(manifest.images[one.row] for one in expected))[:2]
    folder = place / "data" / "demo"
    before = {name: (folder / name).read_bytes() for name in (lost, broken)}
    try:
        (folder / lost).unlink()
        (folder / broken).write_bytes(before[broken][:300])
        part = run(place, "--heads", "linear")[-1]
    finally:
        for name, data in before.items():
            (folder / name).write_bytes(data)
    there = [one for one in expected if manifest.images[one.row] != lost]
    lines = [str(line.text) for line in part.iter("p")]
    assert f"Of {len(expected) - len(there)} more people the photographs are not below {folder}." in lines
    odd = [manifest.images[one.row] == broken for one in there]
    assert [bool(list(figure.iter("img"))) for figure in part.iter("figure")] == [not one for one in odd]
    assert sum(line.startswith(f"Not explained: {folder / broken}: ") for line in lines) == sum(odd)
    assert np.any(odd)
