"""Photographs of test people beside what rows of a run say: whom, what of them, in which box, and what is missing."""

import base64
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_features import CATEGORIES, make_store, people

from cache.store import Store
from heads.commands._grids import ablate
from heads.experiments.evaluate import evaluate
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from pipeline.stages import _places365
from scripts import panel_people, panels
from scripts.panel_people import Person, Said

GRID = Grid(
    heads=("linear", "mlp"),
    protocols=("multilabel",),
    settings=({"features": "body"},),
)


SECRET = b"taken by somebody"
"""A comment inside every photograph's file."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, a run and photographs, of which one is missing and one has another size."""
    root = tmp_path_factory.mktemp("panels")
    store = make_store(root / "store", people(130, categories=CATEGORIES[:4]), features=("body",), untrained=("body",))
    ablate(Place(store, "demo", root / "runs", seeds=2), GRID, {"epochs": 2, "resamples": 20}, "demo", lambda *_: None)
    for name in set(store.manifest("demo").images):
        path = root / "data" / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (200, 10, 10)).save(path, comment=SECRET)
    return root


def run(place: Path, *words: str) -> int:
    where = (("--runs", "runs"), ("--store", "store"), ("--data", "data"), ("--weights", "weights"))
    return panels.main([*(word for option, name in where for word in (option, str(place / name))), *words])


def page_of(place: Path) -> ET.Element:
    text = (place / "runs/demo/panels.html").read_text()
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def said_of(figure: ET.Element) -> dict[str, str]:
    return {str(pair[0].text): str(pair[1].text) for pair in figure.iter("div") if pair.find("dt") is not None}


def test_panels_show_what_the_checkpoints_say(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place) == 0
    assert capsys.readouterr().out == f"panels {place}/runs/demo/panels.html\n"
    found = page_of(place)
    assert [one.get("id") for one in found.iter("section")] == ["best", "middle", "worst"]
    figures = {str(one[0].text): one for one in found.iter("figure")}
    assert len(figures) == 6
    store = Store(place / "store")
    manifest = store.manifest("demo")
    rows = [row["name"] for row in json.loads((place / "runs/demo/results.json").read_text())["rows"]]
    shown = []
    for name in list(said_of(next(iter(figures.values()))))[1:]:
        assert name in rows
        one = evaluate(place / f"runs/demo/{name}.safetensors", store)
        share = one.output.logits >= one.checkpoint.memory["thresholds"][:, None]  # type: ignore[operator]
        for key, figure in figures.items():
            at = one.trial.rows.tolist().index(manifest.keys.index(key))
            said = {word for word, votes in zip(one.task.classes, share[:, at].sum(0), strict=True) if votes > 1}
            truth = set(said_of(figure)["truth"].split(", "))
            assert truth == {
                word for word, has in zip(CATEGORIES, manifest.categories[manifest.keys.index(key)], strict=True) if has
            }
            told, jaccard = re.fullmatch(r"(.*) \(Jaccard ([\d.]+) %\)", said_of(figure)[name]).groups()  # type: ignore[union-attr]
            assert set(told.split(", ")) == (said or {"none"})
            assert float(jaccard) == pytest.approx(100 * len(said & truth) / len(said | truth), abs=0.01)
            shown.append((key, float(jaccard)))
    means = [np.mean([score for key, score in shown if key == one]) for one in figures]
    assert means == sorted(means, reverse=True)
    text = "".join(found.itertext())
    assert "UNTRAINED features took part: body." in text
    assert panels.LICENCE in text


def test_a_photograph_is_inside_the_page_with_its_box_and_words(place: Path) -> None:
    assert run(place, "--heads", "mlp") == 0
    found = page_of(place)
    pictures = list(found.iter("img"))
    assert len(pictures) == 6
    for one in pictures:
        assert re.fullmatch(
            r"The person in mscoco/\d+\.jpg#\d, whose classes are [\w, ]+, in a box", one.get("alt", "")
        )
        head, _, coded = one.get("src", "").partition(",")
        assert head == "data:image/jpeg;base64"
        small = base64.b64decode(coded)
        assert Image.open(io.BytesIO(small)).size == (64, 64)
        assert SECRET not in small
    assert {name for one in found.iter("figure") for name in said_of(one)} == {"truth", "mlp"}
    assert "script" not in {one.tag for one in found.iter()}


def test_a_box_is_where_the_person_is_in_the_smaller_copy() -> None:
    """By arithmetic: of 400 x 200 pixels at most 100 are 100 x 50, so the box is a quarter as large."""
    small = panels.boxed(Image.new("RGB", (400, 200)), [80, 40, 320, 160], side=100)
    assert small.size == (100, 50)
    lit = np.argwhere(np.asarray(small)[..., 0] > 200)
    assert lit.min(0).tolist() == [10, 20]
    assert lit.max(0).tolist() == [40, 80]
    assert not np.asarray(panels.boxed(Image.new("RGB", (40, 20)), [float("nan")] * 4)).any()


def test_missing_and_other_photographs_are_told_in_their_place(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(place)
    first, second = [str(one[0].text) for one in page_of(place).iter("figure")][:2]
    paths = [place / "data/demo" / key.partition("#")[0] for key in (first, second)]
    whole = [path.read_bytes() for path in paths]
    try:
        paths[0].unlink()
        Image.new("RGB", (32, 64)).save(paths[1])
        capsys.readouterr()
        assert run(place) == 1
        told = capsys.readouterr().err
        assert f"not shown: {first}: " in told
        assert f"not shown: {second}: is 32 x 64 pixels, the store's 64 x 64" in told
        texts = ["".join(one.itertext()) for one in page_of(place).iter("figure")][:2]
        assert "Photograph not shown: missing" in texts[0]
        assert "truth" in texts[0]
        assert "is 32 x 64 pixels" in texts[1]
    finally:
        for path, content in zip(paths, whole, strict=True):
            path.write_bytes(content)


def test_mistakes_are_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, "--root", str(place / "nowhere")) == 2
    assert capsys.readouterr().err == (
        f"error: {place}/nowhere: no such folder, so there are no photographs. Give the dataset's folder as ROOT\n"
    )
    assert run(place, "--heads", "mpl") == 2
    assert "'mpl'" in capsys.readouterr().err
    assert run(place, "--run", "other") == 2
    assert capsys.readouterr().err.count("\n") == 1


def persons(*scores: float) -> list[Person]:
    return [Person(row, ["Joy"], {"a": Said([], score)}) for row, score in enumerate(scores)]


def test_the_best_the_middle_and_the_worst_are_chosen_and_nobody_twice() -> None:
    seven = persons(1, 0.9, 0.8, 0.5, 0.4, 0.1, 0)
    assert {name: [one.row for one in part] for name, part in panel_people.chosen(seven).items()} == {
        "Best": [0, 1],
        "Middle": [2, 3],
        "Worst": [5, 6],
    }
    three = panel_people.chosen(persons(1, 0.5, 0))
    assert {name: [one.row for one in part] for name, part in three.items()} == {"Best": [0, 1], "Worst": [2]}


def test_jaccard_is_the_share_of_what_is_said_or_true() -> None:
    assert panel_people.jaccard(["Joy", "Fear", "Anger"], ["Fear", "Peace"]) == 0.25
    assert panel_people.jaccard([], ["Fear"]) == 0


def test_scenes_are_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"scene {at}" for at in range(36)]
    monkeypatch.setattr(panel_people, "SCENES", names)
    rows = people(10)
    store = make_store(tmp_path / "store", rows, features=("scene",), missing={"scene": [2]})
    feature = store.features("demo")["scene"]
    scores = feature.of_people("scores", np.array([0]))[0][0].astype(float)
    order = sorted(range(36), key=lambda at: -scores[at])[:3]
    told = panel_people.scenes(feature, 0, tmp_path)
    assert told == {"scene": ", ".join(f"scene {at} {100 * scores[at]:.0f} %" for at in order)}
    assert panel_people.scenes(feature, 3, tmp_path) == {"scene": "not known (broken)"}, "the third image's person"
    monkeypatch.setattr(_places365, "ATTRIBUTES", 10)
    (tmp_path / _places365.ATTRIBUTE_NAMES).write_text("\n".join(f"word {at}" for at in range(10)))
    responses = feature.of_people("attributes", np.array([0]))[0][0].astype(float)
    strong = sorted(range(10), key=lambda at: -responses[at])[:5]
    assert panel_people.scenes(feature, 0, tmp_path)["attributes"] == ", ".join(f"word {at}" for at in strong)
