"""A head for clips on a video: windows of time, and features that are those of the store."""

import json
from pathlib import Path

import bold_cases
import numpy as np
import pytest
from PIL import Image

from cache.store import Store
from heads import cli
from heads.experiments.evaluate import evaluate
from pipeline import cli as extraction
from pipeline.decoding import tracks
from pipeline.running.clip_people import Sample
from pipeline.running.memory import Memory
from pipeline.running.recipes import dataset_config, recipes
from pipeline.weights.folder import Weights
from scripts import predict, publish
from scripts.prediction.windows import MOST, SECONDS, spans

CONFIG = """
dataset = "bold"
frames = 4
shown = []
[stages.body]
stage = "backbone"
model = "resnet18"
input = "body"
size = [32, 32]
untrained = true
[stages.body_flow]
stage = "flow"
method = "dis"
model = "resnet18"
input = "body"
size = [32, 32]
untrained = true
[stages.joints]
[stages.lma]
"""
TRAINED = "form=conv1d epochs=1 resamples=10"
RGB = "streams=B epochs=1 resamples=10 k_train=2 k_val=2"
OTHERS = {"tsn_flow": RGB, "st_gcn": "units=4,4 kernel=3 epochs=1 resamples=10"}
NONE = np.full(4, np.nan, np.float32)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with BoLD in small, its features and a head that was trained on them."""
    folder = tmp_path_factory.mktemp("windows")
    lines = [bold_cases.line("001/a.mp4/0.mp4", person, other=other) for person, other in ((0, "0.25"), (1, "0.5"))]
    judged = [
        bold_cases.line("003/b.mp4/0.mp4"),
        bold_cases.line("004/c.mp4/0.mp4", first="0.2", other="0.6", vad="3,4,2"),
    ]
    bold_cases.write(folder / "root", lines, judged, ())
    (folder / "c.toml").write_text(CONFIG)
    words = ["--dataset", "bold", "--store", str(folder / "store"), "--root", str(folder / "root")]
    assert extraction.main(["extract", *words, "--config", str(folder / "c.toml")]) == 0
    words = ["--dataset", "bold", "--store", str(folder / "store"), "--runs", str(folder / "runs")]
    train = ["train", "--head", "lma", "--seeds", "1", "--set", TRAINED, "--protocol", "bold-published"]
    assert cli.main([*train, *words, "--name", "mine"]) == 0
    tsn = ["--head", "tsn_rgb", "--set", RGB, "--name", "rgb", "--protocol", "bold-published", "--seeds", "1"]
    assert cli.main(["train", *tsn, *words]) == 0
    for head, settings in OTHERS.items():
        more = ["--head", head, "--set", settings, "--name", head, "--protocol", "bold-published", "--seeds", "1"]
        assert cli.main(["train", *more, *words]) == 0
    return folder


def asked(place: Path, *more: str) -> list[str]:
    words = ["--head", "lma", "--dataset", "bold", "--root", str(place / "root"), "--store", str(place / "store")]
    trained = ["--seeds", "1", "--set", TRAINED, "--protocol", "bold-published", "--name", "mine"]
    return [*words, *trained, "--runs", str(place / "runs"), "--config", str(place / "c.toml"), *more]


def test_features_of_a_clip_are_those_of_the_store(place: Path) -> None:
    """Of both people, with their joints."""
    store = Store(place / "store")
    manifest = store.manifest("bold")
    config = dataset_config("bold", place / "c.toml")
    memory = Memory(recipes(config, [], Weights(place / "weights")))
    rows = [row for row, image in enumerate(manifest.images) if "001/" in image]
    joints = tracks.load(place / "root" / "joints" / "001/a.mp4/0.npy")[1]
    samples = [Sample((0, 11), NONE, joints[int(manifest.persons[row])]) for row in rows]
    found = memory.clips(place / "root" / manifest.folder / manifest.images[rows[0]], samples, (64, 48))
    for name in ("body", "joints", "lma"):
        feature = store.features("bold")[name]
        for array, values in found[name].arrays.items():
            stored, _ = feature.of_people(array, np.array(rows))
            np.testing.assert_array_equal(values, stored, f"{name}/{array}")


def test_a_published_head_for_clips_answers_the_same_about_windows(place: Path, tmp_path: Path) -> None:
    """Its feature is made from another one, which no network makes; the other head's is UNTRAINED."""
    video, track = place / "root/videos/001/a.mp4/0.mp4", place / "root/joints/001/a.mp4/0.npy"
    shown = ["--image", str(video), "--track", str(track)]
    rgb = ["--head", "tsn_rgb", "--set", RGB, "--name", "rgb"]
    for more, marked in (([], []), (rgb, ["body"])):
        home, away, file = tmp_path / f"h{len(more)}", tmp_path / f"a{len(more)}", tmp_path / f"{len(more)}.safetensors"
        words = asked(place, *more)
        untrained = ["--untrained"] if marked else []
        assert predict.main([*words, *shown, "--out", str(home), *untrained]) == 0
        plain = [word for at, word in enumerate(words) if "--root" not in words[max(0, at - 1) : at + 1]]
        plain = [word for at, word in enumerate(plain) if "--config" not in plain[max(0, at - 1) : at + 1]]
        assert publish.main([*plain, "--out", str(file)]) == 0
        assert predict.main(["--head", str(file), *shown, "--out", str(away)]) == 0
        told, same = (json.loads((one / "0.mp4.json").read_text()) for one in (away, home))
        assert told["persons"] == same["persons"]
        assert told["untrained"] == same["untrained"] == marked


def test_a_head_for_clips_answers_about_windows(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = place / "root/videos/001/a.mp4/0.mp4"
    track = place / "root/joints/001/a.mp4/0.npy"
    assert predict.main(asked(place, "--image", str(video), "--track", str(track), "--out", str(tmp_path))) == 0
    told = json.loads((tmp_path / "0.mp4.json").read_text())
    assert [one["number"] for one in told["persons"]] == [0, 1]
    for person in told["persons"]:
        (window,) = person["windows"]
        assert (window["first"], window["last"], window["look"]) == (0.0, 11 / 25, 0)
        assert person["summary"]["answered"] == 1
        assert person["summary"]["mean"] == dict(
            sorted(next(iter(window["emotions"].values())).items(), key=lambda pair: -pair[1])
        )
    assert "it answers about windows of 4 s" in capsys.readouterr().out


@pytest.mark.parametrize("head", OTHERS)
def test_a_head_says_of_a_clip_what_it_says_of_its_rows_in_the_store(head: str, place: Path, tmp_path: Path) -> None:
    trained = ["--head", head, "--set", OTHERS[head], "--name", head]
    video, track = (place / "root" / path for path in ("videos/003/b.mp4/0.mp4", "joints/003/b.mp4/0.npy"))
    words = ["--image", str(video), "--track", str(track), "--out", str(tmp_path), *trained]
    assert predict.main(asked(place, *words)) == 0
    said = json.loads((tmp_path / "0.mp4.json").read_text())["persons"][0]["windows"][0]["emotions"]
    found = evaluate(place / "runs" / head / f"{head}.safetensors", Store(place / "store"))
    (at,) = [at for at, row in enumerate(found.trial.rows) if "003/b" in found.manifest.images[row]]
    answer = found.answers()[0]
    wanted = dict(zip(answer.names, answer.shares[at].tolist(), strict=True))
    assert next(iter(said.values())) == pytest.approx(wanted, abs=2e-4)


def test_people_who_are_found_are_looked_at_between_the_looks_too(place: Path, tmp_path: Path) -> None:
    """One look at a box that is given; the head has frames at 1, 4, 7 and 10."""
    trained = ["--head", "tsn_rgb", "--set", RGB, "--name", "rgb"]
    video = place / "root/videos/001/a.mp4/0.mp4"
    words = ["--image", str(video), "--boxes", "2,4,22,34", "--out", str(tmp_path), *trained]
    assert predict.main(asked(place, *words)) == 0
    (person,) = json.loads((tmp_path / "0.mp4.json").read_text())["persons"]
    assert (person["looks"], len(person["windows"]), person["summary"]["answered"]) == (1, 1, 1)


def test_without_joints_it_says_why_it_has_no_answer(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = place / "root/videos/001/a.mp4/0.mp4"
    assert predict.main(asked(place, "--image", str(video), "--boxes", "2,4,22,34", "--out", str(tmp_path))) == 0
    out = capsys.readouterr().out
    assert "0: 0.2 to 0.2 s, seen once: no prediction: " in out
    assert "joints" in out


def test_a_photograph_is_not_asked_about(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    words = ["--image", str(tmp_path / "a.png"), "--boxes", "2,4,22,34", "--out", str(tmp_path)]
    assert predict.main(asked(place, *words)) == 2
    assert "a.png: the head was trained on clips. Give a video, or another HEAD" in capsys.readouterr().err


def test_without_a_head_networks_look_at_frames_though_the_config_is_for_clips(place: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('dataset = "bold"\nframes = 4\nshown = ["face"]\n[stages.face]\n')
    words = ["--dataset", "bold", "--config", str(tmp_path / "c.toml"), "--runs", str(tmp_path), "--boxes", "2,4,22,34"]
    video = place / "root/videos/001/a.mp4/0.mp4"
    assert predict.main([*words, "--image", str(video), "--out", str(tmp_path), "--store", str(tmp_path)]) == 0
    (person,) = json.loads((tmp_path / "0.mp4.json").read_text())["persons"]
    assert [one["features"]["face"]["status"] for one in person["sightings"]] == ["no_face"]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0, 30, [(0, 30)]),
        (10, 70, [(10, 50), (30, 70)]),
        (0, 100, [(0, 40), (20, 60), (40, 80), (60, 100)]),
        (0, 50, [(0, 40), (10, 50)]),
    ],
)
def test_windows_begin_and_end_with_the_span(first: int, last: int, expected: list[tuple[int, int]]) -> None:
    """Ten frames a second; a window's first and last frame are four seconds apart."""
    assert SECONDS == 4
    assert spans([frame / 10 for frame in range(101)], first, last) == expected


def test_a_long_span_has_no_more_windows_than_are_told() -> None:
    found = spans([frame / 10 for frame in range(10_001)], 0, 10_000)
    assert (len(found), found[0], found[-1]) == (MOST, (0, 40), (9960, 10_000))
