"""Statistics of small stores, counted again by plain loops over the annotation; the page in Chromium."""

import csv
import itertools
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import chromium
import numpy as np
import pytest
import toy_features
from toy_features import CATEGORIES, make_store, people

from cache import plugins
from cache.manifest import BAD_BOX, NO_PERSON, Row
from cache.spec import ArraySpec, Granularity
from cache.store import Store
from heads.page import figures
from scripts import stats
from scripts.counting.counts import ours

CHECKS = (Path(__file__).parents[1] / "browser" / "checks.js").read_text()
NAN = float("nan")


def annotated() -> list[Row]:
    """150 people in the toy's images; one's box is broken, one has no VAD, two more stand in the first image, which
    has four sizes of boxes then, and an image has nobody."""
    rows = people(150)
    rows[7] = replace(rows[7], box=(NAN,) * 4, status=BAD_BOX, reason="planted")
    rows[9] = replace(rows[9], vad=(NAN,) * 3)
    rows[20] = replace(rows[20], box=(0.0, 0.0, 4.0, 8.0), vad=(1.5, 10.0, 5.49))
    rows += [replace(rows[0], person=number, box=(0.0, 0.0, 64.0, 64.0)) for number in (4, 5)]
    return [*rows, Row("empty.jpg", -1, "test", size=(64, 64), status=NO_PERSON)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stats")
    make_store(
        root / "store",
        annotated(),
        features=("body", "image", "pose"),
        missing={"body": [3, 140], "image": [0]},
        untrained=("pose",),
    )
    Store(root / "store").features("demo")["body"].path(
        next(iter(Store(root / "store").layout("demo").blocks()))
    ).unlink()
    return root


@pytest.fixture(scope="module")
def told(place: Path) -> dict[str, Any]:
    assert run(place) == 0
    found: dict[str, Any] = json.loads((place / "out/stats.json").read_text())
    return found


def run(place: Path, *words: str) -> int:
    return stats.main(["--store", str(place / "store"), "--out", str(place / "out"), *words])


def usable(split: str) -> list[Row]:
    return [row for row in annotated() if row.split == split and row.status == "ok" and row.person >= 0]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_labels_and_which_stand_together_are_those_of_a_loop(told: dict[str, Any], split: str) -> None:
    rows = usable(split)
    assert told["labels"]["names"] == CATEGORIES
    assert told["labels"]["counts"][split] == [sum(name in row.categories for row in rows) for name in CATEGORIES]
    for first, name in enumerate(CATEGORIES):
        for second, other in enumerate(CATEGORIES):
            both = sum(name in row.categories and other in row.categories for row in rows)
            assert told["cooccurrence"][split][first][second] == both
    several = told["labels"]["labels_of_a_person"][split]
    assert several == {str(n): c for n in range(4) if (c := sum(len(row.categories) == n for row in rows))}


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_histograms_are_those_of_a_loop(told: dict[str, Any], split: str) -> None:
    rows = usable(split)
    for place, name in enumerate(("valence", "arousal", "dominance")):
        known = [row.vad[place] for row in rows if row.vad[place] == row.vad[place]]
        found = told["histograms"][name]["splits"][split]
        assert found["counts"] == [sum(n - 0.5 <= value < n + 0.5 for value in known) for n in range(1, 11)]
        assert (found["known"], found["unknown"]) == (len(known), len(rows) - len(known))
        assert found["mean"] == pytest.approx(sum(known) / len(known))
    images: dict[str, int] = {}
    for row in annotated():
        if row.split == split and row.person >= 0:
            images[row.image] = images.get(row.image, 0) + 1
    counts = told["histograms"]["people_in_an_image"]["splits"][split]["counts"]
    assert counts == [sum(n == number for n in images.values()) for number in range(1, 11)]
    heights = [row.box[3] - row.box[1] for row in rows]
    edges = (0, 16, 32, 64, 128, 256, 512, 1024, 1e9)
    found = told["histograms"]["person_box_height"]["splits"][split]["counts"]
    assert found == [sum(a <= one < b for one in heights) for a, b in itertools.pairwise(edges)]
    shares = [100 * (row.box[2] - row.box[0]) * (row.box[3] - row.box[1]) / 4096 for row in rows]
    found = told["histograms"]["person_box_share"]["splits"][split]["counts"]
    edges = (0, 1, 2, 5, 10, 20, 50, 101)
    assert found == [sum(a <= one < b for one in shares) for a, b in itertools.pairwise(edges)]
    whole = sum(row.box == (0.0, 0.0, *row.size) for row in rows)
    assert told["splits"][split]["box is the whole image"] == whole
    assert (whole > 1) == (split == "train")


def test_what_is_missing_is_told_by_status_and_split(told: dict[str, Any]) -> None:
    rows = [row for row in annotated() if row.person >= 0]
    found = told["features"]["body"]["people"]
    images = list(dict.fromkeys(row.image for row in annotated()))
    pending = set(images[:64])  # make_store has 64 images a shard, and the first shard was deleted
    for split in ("train", "val", "test"):
        gone = sum(row.split == split and row.image in pending for row in rows)
        assert found[split].get("pending", 0) == gone
        assert sum(found[split].values()) == sum(row.split == split for row in rows)
    assert sum(one.get("broken", 0) for one in found.values()) == 1, "the other lies in the shard that is gone"
    broken = sum(row.image == images[0] for row in rows)
    assert told["features"]["image"]["people"]["train"]["broken"] == broken == 4
    assert not told["features"]["pose"]["trained"]
    assert told["splits"]["test"]["statuses"]["no_person"] == 1


def test_tables_hold_the_same_numbers(place: Path, told: dict[str, Any]) -> None:
    with (place / "out/labels.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["label", "train", "val", "test", "all"]
    assert rows[1][0] == "Affection"
    assert int(rows[1][4]) == sum("Affection" in row.categories for s in ("train", "val", "test") for row in usable(s))
    latex = (place / "out/labels.tex").read_text()
    assert f"Affection & {rows[1][1]} & {rows[1][2]} & {rows[1][3]} & {rows[1][4]} \\\\" in latex
    with (place / "out/cooccurrence.csv").open(newline="") as file:
        assert sum(1 for _ in file) == 1 + 3 * 26 * 26
    assert "pose,UNTRAINED,train,ok," in (place / "out/missing.csv").read_text()


def test_the_page_is_xml_with_its_pictures_beside_it_and_names_what_is_untrained(
    place: Path, told: dict[str, Any]
) -> None:
    text = (place / "out/stats.html").read_text()
    page = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>\n"))
    plots = [one for one in page.iter("svg") if "plot" in one.get("class", "")]
    assert len(plots) == len(list((place / "out/figures").glob("*.svg"))) == 1 + 3 + 3 + 1 + 2
    missing = next(one for one in page.iter("section") if one.get("id") == "missing")
    names = ["".join(row.itertext()) for row in missing.iter("th") if row.get("scope") == "row"]
    assert names == ["body"] * 3 + ["image"] * 3 + ["pose UNTRAINED"] * 3
    assert "http" not in text.replace("http-equiv", "")


def test_pictures_of_a_report_in_the_same_folder_stay(place: Path, told: dict[str, Any]) -> None:
    page = (
        "<html><section id='a'><figure><svg class='plot' viewBox='0 0 1 1' aria-label='b'/></figure></section></html>"
    )
    (report,) = figures.write(place / "out", page)
    assert run(place) == 0
    assert report.exists()
    report.unlink()


def test_published_counts_stand_beside_ours_by_the_same_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(tmp_path / "store", people(60), dataset="emotic", features=())
    assert run(tmp_path, "--dataset", "emotic") == 0
    told = json.loads((tmp_path / "out/stats.json").read_text())
    assert told["published"]["PAMI'19"]["people"] == 34_320
    assert told["ours"]["people"] == 60
    page = (tmp_path / "out/stats.html").read_text()
    assert "34,320" in page
    assert "No feature was extracted yet" in page
    words = {
        f"{what}{where}"
        for what in ("images", "videos", "people", "usable people")
        for where in ("", " in train", " in val", " in test")
    }
    for name in plugins.names("pipeline.datasets"):
        for release in plugins.load("pipeline.datasets", name, "Reader").published.values():
            assert set(release) <= words, name


def test_ours_counts_an_image_of_two_splits_once_in_all(place: Path) -> None:
    manifest = toy_features.manifest_of(annotated())
    found = ours(manifest)
    rows = annotated()
    assert found["images"] == len({row.image for row in rows})
    assert found["images in test"] == len({row.image for row in rows if row.split == "test"})
    assert found["usable people"] == 151
    assert found["people"] == 152


def test_clips_are_told_by_films_and_frames(tmp_path: Path) -> None:
    lengths = {0: 1, 1: 8, 2: 100, 3: 600}
    rows = [
        replace(row, image=f"00{n % 2}/film.mp4/{n:04d}.mp4", person=0, span=(10, 9 + lengths[n % 4]))
        for n, row in enumerate(people(40))
    ]
    make_store(tmp_path / "store", rows, features=())
    assert run(tmp_path) == 0
    told = json.loads((tmp_path / "out/stats.json").read_text())
    assert told["kind"] == "clips"
    frames = told["histograms"]["frames_of_a_sample"]
    counts = np.sum([one["counts"] for one in frames["splits"].values()], 0).tolist()
    assert dict(zip(frames["bins"], counts, strict=True)) == {
        **dict.fromkeys(frames["bins"], 0),
        "1": 10,
        "8": 10,
        "64": 10,
        "512+": 10,
    }
    several = told["histograms"]["samples_of_a_film"]["splits"]
    for split, one in several.items():
        films = {}
        for row in rows:
            if row.split == split:
                films[row.image[:3]] = films.get(row.image[:3], 0) + 1
        assert one["known"] == len(films)
        assert one["mean"] == pytest.approx(sum(films.values()) / len(films))
    assert told["splits"]["train"]["films"] == 2


def test_face_sizes_are_those_of_the_feature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"box": ArraySpec((4,), "float32", "pixels", NAN)}
    monkeypatch.setitem(toy_features.MORE, "face", (Granularity.PERSON, spec))
    monkeypatch.setattr(toy_features, "_values", _boxes)
    make_store(tmp_path / "store", people(60), features=("face",), missing={"face": [1, 2]}, untrained=("face",))
    path = next((tmp_path / "store/demo/face").glob("*/feature.json"))
    info = json.loads(path.read_text())
    info.pop("seal")
    with Store(tmp_path / "store").lock("demo"):
        Store(tmp_path / "store").use("demo", info | {"stage": "face"})
    assert run(tmp_path) == 0
    told = json.loads((tmp_path / "out/stats.json").read_text())["histograms"]
    found = told["face_(UNTRAINED)_box_height"]["splits"]
    assert sum(one["known"] for one in found.values()) == 58
    assert {one["mean"] for one in found.values()} == {20.0}
    assert "UNTRAINED" in (tmp_path / "out/stats.html").read_text()


def _boxes(spec: ArraySpec, signal: Any, draw: Any, status: Any) -> Any:
    out = np.tile(np.array([5, 10, 15, 30], np.float32), (len(signal), 1))
    out[status != 0] = NAN
    return out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--dataset", "dmeo"], "holds no dataset 'dmeo'. Did you mean 'demo'?"),
        (["--mapping", "nowhere.toml"], "nowhere.toml: no such"),
        (["--dtaset", "demo"], "unrecognized arguments"),
    ],
)
def test_bad_words_are_one_line(
    words: list[str], told: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status: Any = stats.main(["--store", str(place / "store"), "--out", str(tmp_path / "out"), *words])
    except SystemExit as error:
        status = error.code
    error_lines = capsys.readouterr().err
    assert status == 2
    assert told in error_lines
    assert error_lines.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, True)])
def test_the_page_holds_in_a_browser(place: Path, told: dict[str, Any], width: int, dark: bool) -> None:
    path = chromium.find()
    if path is None and os.environ.get("REQUIRE_BROWSER") != "1":
        pytest.skip("no Chromium on the path: apt-get install chromium to run the browser tests")
    assert path, "REQUIRE_BROWSER=1, and no Chromium on the path: apt-get install chromium"
    address = (place / "out/stats.html").as_uri()
    with chromium.Tab(path) as tab:
        tab.open(address, width, dark=dark)
        assert tab.requests() == [address]
        assert tab.complaints() == []
        assert tab.run("document.documentElement.scrollWidth") <= width
        assert tab.run(CHECKS) == {"empty": [], "overlaps": [], "outside": [], "faint": []}
