"""The page of a run: the numbers of results.json, classes scored again, what is missing and why; nothing injected."""

import dataclasses
import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from one_shot_mappings import OURS, changed
from toy_features import make_store

from cache.errors import UnknownName
from cache.store import Store
from heads import cli
from heads.commands._grids import ablate
from heads.drawing import Bars, Matrix
from heads.experiments.evaluate import evaluate
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.page import material, page
from heads.page.material import Material, Shown, gather
from heads.protocols._one_shot.trial import OneShotTrial

QUICK = {"epochs": 3, "episodes": 10, "validation_episodes": 5}
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(
        tmp_path_factory.mktemp("store"), dataset="emotic", missing={"body": [3]}, untrained=("body", "pose")
    )


@pytest.fixture(scope="module")
def trained(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    grid = Grid(heads=("random", "i_dml", "ib_dml"), protocols=("cat-6:6",))
    ablate(Place(store, "emotic", runs, seeds=2), grid, QUICK, "demo", lambda *_: None)
    return runs / "demo"


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "runs" / "demo"))


@pytest.fixture(scope="module")
def whole(store: Store, trained: Path) -> Material:
    return gather(trained, results_of(trained), material.Place(store))


def results_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def gathered(store: Store, folder: Path, **changes: Any) -> Material:
    return gather(folder, results_of(folder) | changes, material.Place(store))


def shares(found: Material, name: str) -> np.ndarray:
    """The confusions of a row."""
    drawn = found.shown[name].of("Confusions")
    assert isinstance(drawn, Matrix)
    return drawn.shares


def words(found: ET.Element | None) -> str:
    assert found is not None
    return " ".join(" ".join(found.itertext()).split()).replace(" ,", ",")


def section(text: str, anchor: str) -> ET.Element | None:
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n")).find(f".//section[@id='{anchor}']")


def test_results_keep_every_epoch(trained: Path) -> None:
    for row in results_of(trained)["rows"]:
        loss, validation = (np.array(row["history"][kind]) for kind in ("loss", "validation"))
        if row["head"] == "random":
            assert loss.size == validation.size == 0
            continue
        assert loss.shape == validation.shape == (3, 2)
        assert validation.max(0).tolist() == row["validation"]
        assert (validation.argmax(0) + 1).tolist() == row["best_epochs"]


def test_confusions_agree_with_the_table(whole: Material) -> None:
    for row in whole.rows:
        one, confusion = whole.shown[row["name"]], shares(whole, row["name"])
        np.testing.assert_allclose(confusion.sum(1), 1)
        assert np.trace(confusion) / 6 == pytest.approx(row["metrics"]["macro_accuracy"]["mean"], abs=1e-6)
        recall = one.bars["Classes"]
        recalls = [score["mean"] for score in recall.values()]
        np.testing.assert_allclose(np.diag(confusion), recalls, atol=1e-6)
        assert all(low <= mean <= high for mean, (low, high) in ((s["mean"], s["ci95"]) for s in recall.values()))


def test_confusions_are_what_a_loop_counts(whole: Material, store: Store, trained: Path) -> None:
    found = evaluate(trained / "i_dml.safetensors", store)
    assert isinstance(found.trial, OneShotTrial)
    labels, said = found.task.labels[found.task.test] - 6, found.answers()[0].shares
    expected = np.zeros((6, 6))
    for person, label in enumerate(labels):
        queries = sum(person not in episode for episode in found.trial.support)
        expected[label] += queries * said[person].numpy()
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(shares(whole, "i_dml"), expected, atol=1e-6)


def test_the_page_shows_the_tables_numbers(whole: Material) -> None:
    text = page.html(whole)
    shown = words(section(text, "results"))
    for row in whole.rows:
        score = row["metrics"]["accuracy"]
        low, high = score["ci95"]
        assert f"{100 * score['mean']:.2f} [{100 * low:.2f}, {100 * high:.2f}]" in shown
        assert f"{100 * row['paper']['accuracy']:.2f}" in shown
    assert f"{100 * (whole.rows[1]['metrics']['accuracy']['mean'] - 0.1784):+.2f}" in shown
    assert "Not like for like" in shown
    assert "anger seen Anger, Annoyance, Aversion, Disapproval" in words(section(text, "labels"))
    assert "i_dml" in words(section(text, "embeddings"))
    assert whole.left_out == []
    assert len(text) < 400_000


def test_matrices_and_bars_hold_their_numbers(whole: Material) -> None:
    text = page.html(whole)
    table = section(text, "confusions")
    assert table is not None
    cells = [int(cell.text or "") for cell in table.iter("td") if cell.get("style")]
    expected = np.concatenate([shares(whole, row["name"]).ravel() for row in whole.rows])
    np.testing.assert_allclose(cells, 100 * expected, atol=0.51)
    assert len(section(text, "classes").findall(".//svg")) == 3  # type: ignore[union-attr]
    assert len(section(text, "training").findall(".//svg")) == 4, "random has nothing to train"  # type: ignore[union-attr]


def test_untrained_is_said_wherever_it_took_part(whole: Material) -> None:
    text = page.html(whole)
    top = words(ET.fromstring(text.removeprefix("<!DOCTYPE html>\n")).find(".//header"))
    assert "UNTRAINED features took part: body." in top
    for anchor in ("classes", "confusions", "training"):
        titles = [words(one) for one in section(text, anchor).iter("h3")]  # type: ignore[union-attr]
        assert "ib_dml UNTRAINED" in titles
        assert "i_dml" in titles
    assert "body UNTRAINED, image" in words(section(text, "results"))
    assert "body yes UNTRAINED" in words(section(text, "features"))
    assert "image yes trained" in words(section(text, "features"))


def test_the_page_asks_for_nothing(whole: Material) -> None:
    text = page.html(whole)
    tags = _Tags()
    tags.feed(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base"} & {name for name, _ in tags.found}
    asked = [value for _, values in tags.found for key, value in values if key in {"src", "href", "xlink:href"}]
    assert all(value.startswith("#") for value in asked if value)
    assert not any(key.startswith("on") for _, values in tags.found for key, _ in values)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src &#x27;none&#x27;" in text


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


def _poison(value: Any) -> Any:
    if isinstance(value, str):
        return value if value == "%" else value + EVIL  # what has another unit is not drawn
    if isinstance(value, dict):
        return {key if key in KEYS else key + EVIL: _poison(one) for key, one in value.items()}
    return [_poison(one) for one in value] if isinstance(value, list) else value


KEYS = {
    *(
        "dataset",
        "release",
        "protocol",
        "kind",
        "people",
        "sizes",
        "train",
        "val",
        "test",
        "metrics",
        "title",
        "unit",
        "scale",
    ),
    *("better", "levels", "values", "over", "about", "caption", "notes", "labels", "columns", "numbers", "rows"),
    *("features", "name", "fingerprint", "trained", "used", "threads", "head", "seeds", "parameters", "seconds"),
    *(
        "mean",
        "std",
        "ci95",
        "left_out",
        "best_epochs",
        "judged_by",
        "validation",
        "history",
        "loss",
        "settings",
        "paper",
        "source",
    ),
    *("remark", "reference", "absent", "difference", "unpaired", "trained_for", "approximates"),
}
"""What the page looks up; every other key is a word of somebody's."""


def _poisoned(one: Shown) -> Shown:
    """Every word of the drawings."""
    drawings = []
    for drawing in one.drawings:
        words: dict[str, Any] = {name: _poison(getattr(drawing, name)) for name in ("title", "told")}
        if isinstance(drawing, Bars):
            words |= {"name": _poison(drawing.name), "values": {_poison(key): x for key, x in drawing.values.items()}}
        else:
            words |= {"names": tuple(map(_poison, drawing.names))}
        drawings.append(dataclasses.replace(drawing, **words))
    bars = {_poison(title): {_poison(key): x for key, x in bars.items()} for title, bars in one.bars.items()}
    return Shown(drawings, bars, {_poison(title): found for title, found in one.projections.items()})


def test_no_word_of_the_data_becomes_markup(whole: Material) -> None:
    evil = dataclasses.replace(
        whole,
        run=EVIL,
        results=_poison(dict(whole.results)),
        shown={name + EVIL: _poisoned(one) for name, one in whole.shown.items()},
        features={name + EVIL: one for name, one in whole.features.items()},
        left_out=[EVIL],
    )
    text = page.html(evil)
    clean, dirty = _Tags(), _Tags()
    clean.feed(page.html(dataclasses.replace(whole, left_out=["x"])))
    dirty.feed(text)
    assert [name for name, _ in clean.found] == [name for name, _ in dirty.found]
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 100


def test_without_a_store_the_page_is_made_of_the_results(folder: Path, tmp_path: Path) -> None:
    found = gathered(Store(tmp_path / "none"), folder)
    text = page.html(found)
    assert len(found.left_out) == 1
    assert "holds no dataset 'emotic'" in found.left_out[0]
    assert "Left out of this page" in text
    assert section(text, "confusions") is None
    assert words(section(text, "results")).count("image") >= 2
    assert len(section(text, "training").findall(".//svg")) == 4  # type: ignore[union-attr]
    assert "not known" in words(section(text, "features"))


def test_another_store_is_told_head_by_head(folder: Path, tmp_path: Path) -> None:
    found = gathered(make_store(tmp_path / "fewer", dataset="emotic", features=("image", "sem2vec")), folder)
    assert set(found.shown) == {"random", "i_dml"}
    (line,) = found.left_out
    assert line.startswith("Drawings of ib_dml: ")
    assert "was trained on feature body" in line


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: (folder / "i_dml.safetensors").unlink(), "no such checkpoint"),
        (
            lambda folder: shutil.copy(folder / "ib_dml.safetensors", folder / "i_dml.safetensors"),
            "One of the two is of",
        ),
    ],
)
def test_a_checkpoint_that_is_not_the_rows_is_left_out(
    store: Store, folder: Path, spoil: Callable[[Path], Any], expected: str
) -> None:
    spoil(folder)
    found = gathered(store, folder)
    assert set(found.shown) == {"random", "ib_dml"}
    assert expected in found.left_out[0]


def test_another_protocols_checkpoint_is_refused(store: Store, folder: Path) -> None:
    found = gathered(store, folder, protocol="cat-6:4")
    assert not found.shown
    for name, line in zip(("random", "i_dml", "ib_dml"), found.left_out, strict=True):
        told = f"{name}.safetensors: is of protocol cat-6:6, results.json of cat-6:4. Train again"
        assert line == f"Drawings of {name}: {folder / told}"


def test_an_old_run_says_that_it_has_no_curves(store: Store, folder: Path) -> None:
    results = results_of(folder)
    for row in results["rows"]:
        del row["history"]
    found = gather(folder, results, material.Place(store))
    assert "Not kept when these were trained: random, i_dml, ib_dml" in words(section(page.html(found), "training"))


def test_another_mapping_and_other_features_are_told(store: Store, folder: Path, tmp_path: Path) -> None:
    """The labels are those of the run, whatever the mapping of now."""
    results = results_of(folder)
    results["features"][0]["fingerprint"] = "f" * 16
    renamed = ('love = ["Affection"]', 'affection = ["Affection"]')
    other = changed(tmp_path, (f"version = {OURS.version}", "version = 7"), renamed)
    found = gather(folder, results, material.Place(store, other))
    assert not found.shown
    told = "\n".join(found.left_out)
    for name in ("random", "i_dml", "ib_dml"):
        assert f"Drawings of {name}: " in told
    then = rf"was trained with mapping \w{{16}} \(version {OURS.version}\)"
    assert re.search(rf"{then}, the one given is \w{{16}} \(version 7\)\. Give", told)
    assert "Settings of feature body: the run had ffffffffffffffff, the store has 0000000000000004" in told
    labels = words(section(page.html(found), "labels"))
    assert f"People by class, mapping version {OURS.version}" in labels
    assert "love seen Affection" in labels


def test_rows_that_were_not_run_stay_in_the_table(store: Store, folder: Path) -> None:
    results = results_of(folder)
    results["rows"][2] |= {"metrics": None}
    found = gather(folder, results, material.Place(store))
    assert "not run" in words(section(page.html(found), "results"))
    assert set(found.shown) == {"random", "i_dml"}


def test_rows_that_could_not_be_trained_say_why(store: Store, folder: Path) -> None:
    absent = [{"name": "sem_ib_dml", "head": "sem_ib_dml", "reason": "sem2vec missing", "error": "..."}]
    apart = {"to": "random", "accuracy": {"mean": 0.1234, "ci95": [0.1, 0.2]}}
    results = results_of(folder) | {"absent": absent, "reference": "random"}
    results["rows"] = [row | {"difference": apart if row["name"] == "i_dml" else None} for row in results["rows"]]
    found = gather(folder, results, material.Place(store))
    shown = words(section(page.html(found), "results"))
    assert "sem_ib_dml not trained: sem2vec missing" in shown
    assert "+12.34 [10.00, 20.00]" in shown
    both = page.overview_html("mine", {folder: results, folder.with_name("other"): results | {"absent": []}})
    assert "sem2vec missing" in both
    assert "not in this table" in both
    whole = words(ET.fromstring(both.removeprefix("<!DOCTYPE html>\n")))
    assert "UNTRAINED features took part: body." in whole
    assert "No summary.json: the grid has not ended. Run make ablate again for the papers' tables." in whole
    mean = results["rows"][1]["metrics"]["accuracy"]["mean"]
    assert f"17.84 | {100 * (mean - 0.1784):+.2f}" in whole


def test_embeddings_of_the_best_on_validation_never_on_test() -> None:
    rows = [
        {"name": "a", "parameters": 0, "judged_by": "%", "validation": [0.9]},
        {"name": "b", "parameters": 1, "judged_by": "%", "validation": [0.2], "metrics": {"accuracy": 0.9}},
        {"name": "c", "parameters": 1, "judged_by": "%", "validation": [0.5], "metrics": {"accuracy": 0.1}},
        {"name": "d", "parameters": 1, "judged_by": "another", "validation": [0.8], "metrics": {"accuracy": 0.1}},
    ]
    assert material.laid_out(rows) == ["b", "c"]
    assert material.laid_out(rows[:2]) == ["b"]
    assert material.laid_out(rows[:1]) == []


def test_an_unknown_head_is_refused(store: Store, folder: Path) -> None:
    with pytest.raises(UnknownName, match=r"no head of the run 'ib_dlm'\. Did you mean 'ib_dml'"):
        gather(folder, results_of(folder), material.Place(store), ["ib_dlm"])


def test_a_grid_of_protocols_has_a_page_each(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = Grid(heads=("random",), protocols=("cat-6:4", "lev-7:3-valence"))
    place = Place(store, "emotic", tmp_path, seeds=1)
    ablate(place, grid, {"episodes": 5, "validation_episodes": 5}, "mine", lambda *_: None)
    options = ["--runs", str(tmp_path), "--store", str(store.root), "--threads", "1"]
    assert cli.main(["report", "--run", "mine", *options]) == 0
    pages = [tmp_path / "mine" / name / "report.html" for name in ("cat-6-4", "lev-7-3-valence", "")]
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("page")] == [
        f"page {p}" for p in pages
    ]
    levels = words(section(pages[1].read_text(), "labels"))
    assert "level 2" in levels
    assert "averages are rounded: half_up" in levels
    assert "Categories of no class, which do not vote: Esteem, Yearning." in pages[0].read_text()
    whole = ET.fromstring(pages[2].read_text().removeprefix("<!DOCTYPE html>\n"))
    links = [one.get("href", "") for one in whole.iter("a")]
    assert [one for one in links if one[0] != "#"] == ["cat-6-4/report.html", "lev-7-3-valence/report.html"]
    row = json.loads((tmp_path / "mine" / "cat-6-4" / "results.json").read_text())["rows"][0]
    mean = row["metrics"]["accuracy"]["mean"]
    assert f"random paper 16.68 ours {100 * mean:.2f} [" in words(whole)
    assert cli.main(["report", "--run", "mine/cat-6-4", *options]) == 0
    assert cli.main(["report", "--run", "../mine", *options]) == 2
    assert "must be the name of one folder" in capsys.readouterr().err


def test_the_command_tells_what_it_left_out(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--runs", str(folder.parent), "--store", str(tmp_path / "none"), "--threads", "1"]
    assert cli.main(["report", "--run", "demo", *options]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("| head")
    assert f"page {folder / 'report.html'}" in out
    assert "\nleft out of the page: The store's part of this page: " in err
