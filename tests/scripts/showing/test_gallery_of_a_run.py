"""With a run a gallery tells what its rows say, as ``make evaluate`` does, the nearest support and the neighbours."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from toy_features import make_store

from cache.store import Store
from heads.commands._grids import ablate
from heads.documents import results as documents
from heads.experiments.evaluate import csv_text, evaluate
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.page import material, page
from scripts import gallery
from scripts.showing import nearest

GRID = Grid(heads=("b_dml",), protocols=("cat-6:6",))
QUICK = {"epochs": 1, "episodes": 10, "validation_episodes": 5}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    store = make_store(root / "store", features=("image", "body", "sem2vec"), missing={"body": [3]})
    ablate(Place(store, "demo", root / "runs", seeds=2), GRID, QUICK, "demo", lambda *_: None)
    for name in set(store.manifest("demo").images):
        path = root / "data" / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64)).save(path)
    return root


def run(place: Path, *words: str) -> int:
    where = [word for name in ("store", "data", "runs") for word in (f"--{name}", str(place / name))]
    return gallery.main([*where, "--run", "demo", *words])


def shown(place: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    text = (place / "runs/demo/gallery.html").read_text()
    index = json.loads(re.findall(r'id="index">(.*?)</script>', text, re.S)[0])
    parts = re.findall(r'id="people-\d+">(.*?)</script>', text, re.S)
    return index, [person for part in parts for person in json.loads(part)]


def test_answers_are_those_of_evaluate(place: Path) -> None:
    assert run(place) == 0
    index, people = shown(place)
    (row,) = index["rows"]
    told = {line["key"]: line for line in csv.DictReader(io.StringIO(csv_text(_found(place, row["name"]))))}
    assert {index["keys"][one] for one in row["of"]} == set(told)
    for at, one in enumerate(row["of"]):
        line = told[index["keys"][one]]
        assert [row["classes"][name] for name in row["true"][at]] == [line["class"]]
        assert [row["classes"][name] for name in row["said"][at]] == [line["predicted"]]
        assert row["sure"][at] == pytest.approx(100 * float(line[line["predicted"]]), abs=0.51)
        off = {row["classes"][name]: size for name, size in row["off"][at]}
        wrong = {line["class"], line["predicted"]} if line["class"] != line["predicted"] else set()
        assert set(off) == wrong
        for name in wrong:
            share = float(line[name])
            assert off[name] == pytest.approx(100 * (1 - share if name == line["class"] else share), abs=0.51)
        assert people[one]["answers"][row["name"]]["shares"][0][1] == row["sure"][at]


def test_the_nearest_support_is_by_cosine_and_never_oneself(place: Path) -> None:
    run(place)
    index, people = shown(place)
    found = _found(place, index["rows"][0]["name"])
    embedding = found.output.embedding.numpy()  # type: ignore[union-attr]
    support, rows = found.loaded.memory["embedding"].numpy(), found.loaded.memory["rows"].tolist()
    place_of = {row: index["keys"].index(key) for row, key in enumerate(found.manifest.keys)}
    for at in range(0, len(found.trial.rows), 9):
        own = int(found.trial.rows[at])
        likeness = {}
        for number, row in enumerate(rows):
            each = [mine[at] @ theirs[number] / np.linalg.norm(mine[at]) for mine, theirs in zip(embedding, support)]  # noqa: B905
            likeness[row] = float(np.mean(each))
        best = sorted((row for row in likeness if row != own), key=lambda row: -likeness[row])[:3]
        told = people[place_of[own]]["answers"][index["rows"][0]["name"]]["support"]
        assert [one for one, _ in told] == [place_of[row] for row in best]
        assert [like for _, like in told] == pytest.approx([100 * likeness[row] for row in best], abs=0.51)


def _found(place: Path, name: str) -> Any:
    return evaluate(place / f"runs/demo/{name}.safetensors", Store(place / "store"))


@pytest.mark.parametrize("name", ["image", "body"])
def test_neighbours_are_those_of_a_loop(place: Path, name: str) -> None:
    store = Store(place / "store")
    feature, manifest = store.features("demo")[name], store.manifest("demo")
    rows = np.arange(60)
    images = np.unique([manifest.images[row] for row in rows], return_inverse=True)[1]
    found = nearest.near(name, feature, "pooled", rows, images)
    vectors, status = feature.of_people("pooled", rows)
    vectors = vectors.astype(np.float64)
    for one in rows.tolist():
        if status[one]:
            assert found.people[one].tolist() == [-1] * 5
            continue
        cosines = {}
        for other in rows.tolist():
            twin = images[other] == images[one] if name == "image" else other == one
            if not twin and not status[other]:
                lengths = np.linalg.norm(vectors[one]) * np.linalg.norm(vectors[other])
                cosines[other] = vectors[one] @ vectors[other] / lengths
        best = sorted(cosines.values(), reverse=True)[:5]
        assert found.likeness[one] == pytest.approx(best, abs=1e-5)
        assert [cosines[other] for other in found.people[one].tolist()] == pytest.approx(best, abs=1e-5)


def test_the_reports_table_leads_to_a_rows_mistakes_where_there_is_a_gallery(place: Path) -> None:
    folder = place / "runs/demo"
    path = folder / "gallery.html"
    path.unlink(missing_ok=True)
    results, where = documents.read(folder), material.Place(Store(place / "store"))
    assert "gallery.html" not in page.html(material.gather(folder, results, where))
    run(place, "--most", "5")
    name = results["rows"][0]["name"]
    text = page.html(material.gather(folder, results, where))
    assert f'href="gallery.html#row={name}&amp;answer=wrong&amp;order=off"' in text


def test_a_row_that_is_not_in_the_run_is_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, "--heads", "b_dm") == 2
    assert capsys.readouterr().err == "error: no head of the run 'b_dm'. Did you mean 'b_dml'? Known: b_dml.\n"


def test_rows_of_another_store_are_told(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_store(tmp_path / "store", features=("image",))
    assert run(place, "--store", str(tmp_path / "store")) == 2
    assert "no row can be asked. b_dml: " in capsys.readouterr().err
