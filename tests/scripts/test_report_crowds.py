"""``make report`` of a head of photographs with all their people: whom it shows, and what of them."""

import base64
import io
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boxes_case import crowds as people
from PIL import Image
from toy_features import make_store

from cache.manifest import Manifest
from cache.store import Store
from heads.commands._grids import ablate
from heads.experiments.evaluate import evaluate
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.task import Task
from scripts import explain, report
from scripts.explaining import crowds

SMALL: dict[str, Any] = {"trunk": "maps", "strides": "c8", "width": 4, "blocks": 1, "neck_blocks": 0}
TRAINING = {"epochs": 1, "resamples": 20, "detections": 2, "least_score": 0.01}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, a run and photographs."""
    root = tmp_path_factory.mktemp("crowds")
    store = make_store(root / "store", people(260), features=("maps",))
    grid = Grid(heads=("amalgamated",), protocols=("boxes",), settings=({"for": ("amalgamated",), **SMALL},))
    ablate(Place(store, "demo", root / "runs", seeds=2), grid, TRAINING, "demo", lambda *_: None)
    for name in set(store.manifest("demo").images):
        path = root / "data" / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (200, 10, 10)).save(path)
    return root


def section(place: Path) -> ET.Element:
    where = ["--runs", str(place / "runs"), "--store", str(place / "store"), "--data", str(place / "data")]
    assert report.main(where) == 0
    text = (place / "runs/demo/report.html").read_text()
    return list(ET.fromstring(text.removeprefix("<!DOCTYPE html>\n")).iter("section"))[-1]


def annotated(manifest: Manifest, name: str) -> list[str]:
    rows = [row for row, image in enumerate(manifest.images) if image == name]
    names = manifest.category_names
    return [", ".join(word for word, has in zip(names, manifest.categories[row], strict=True) if has) for row in rows]


def test_a_page_shows_found_people_beside_annotated_ones_and_maps(place: Path) -> None:
    part, manifest = section(place), Store(place / "store").manifest("demo")
    figures = list(part.iter("figure"))
    assert part[0].text == crowds.TITLE
    assert len(figures) == crowds.MOST
    for figure in figures:
        pairs = {str(one[0].text): str(one[1].text) for one in figure.iter("div") if one.find("dt") is not None}
        truth = [pairs[word] for word in pairs if word.startswith("annotated ")]
        assert truth == annotated(manifest, str(figure[0].text))
        found = [word for word in pairs if word.startswith("found ")]
        assert 1 <= len(found) <= 2
        titles = [str(line.text) for line in figure.findall("p")]
        assert titles[:2] == ["annotated", "found"]
        assert ", at most 0." in titles[2]
        images = list(figure.iter("img"))
        assert 3 <= len(images) <= 2 + crowds.FEW
        for image in images:
            data = base64.b64decode(str(image.get("src")).removeprefix("data:image/jpeg;base64,"))
            assert max(Image.open(io.BytesIO(data)).size) <= crowds.SIDE


def test_photographs_go_from_the_most_people_to_the_fewest() -> None:
    boxes = np.full((7, 3, 4), np.nan, np.float32)
    for row, count in enumerate((1, 3, 2, 0, 3, 1, 2)):
        boxes[row, :count] = 0.5
    rows = np.arange(6)
    task = Task("d", "p", {"boxes": boxes}, {}, (), rows[:0], rows[:0], rows, np.arange(7), {})
    assert crowds.chosen(task) == [1, 4, 2, 0, 5, 3]
    assert crowds.chosen(task, 3) == [1, 2, 3]


def test_one_of_several_people_is_explained_in_his_own_box(place: Path, tmp_path: Path) -> None:
    """What the photograph adds is the logit in the box less that of the mean map there."""
    found = evaluate(place / "runs/demo/amalgamated.safetensors", Store(place / "store"))
    manifest, known = found.manifest, found.checkpoint
    homes = {manifest.images[row]: row for row in found.task.test}
    row = next(row for row in range(len(manifest)) if manifest.images[row] in homes and row not in found.task.test)
    where = ["--runs", str(place / "runs"), "--store", str(place / "store"), "--data", str(place / "data")]
    words = ["--head", "amalgamated", "--name", "demo", "--key", manifest.keys[row], "--out", str(tmp_path)]
    assert explain.main([*where, *words]) == 0
    (path,) = tmp_path.glob("*.json")
    text = path.read_text()
    place_of = list(found.trial.rows).index(homes[manifest.images[row]])
    assert found.output.people is not None
    logits = found.output.people[:, place_of, 1].mean(0)
    best = int(found.output.people[:, place_of, 1].sigmoid().mean(0).argmax())
    assert f'"name": "{known.about["task"]["classes"][best]}"' in text
    assert f'"logit": {round(float(logits[best]), 3)}'[:-1] in text
    assert '"part": "test"' in text
