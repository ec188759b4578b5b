"""A head as one file: it says anywhere what it says at home, and a file that is not whole says nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from toy_features import make_store

from cache.fingerprint import digest
from heads import cli
from heads.checkpoints import published
from heads.checkpoints.checkpoint import ABOUT
from pipeline.running.recipes import dataset_config, recipes
from pipeline.weights.folder import Weights
from scripts import predict, publish

SMALL = "stream=4 fusion=4 embedding=4 epochs=1 episodes=5 validation_episodes=2"
TRAINED = ["--head", "ib_dml", "--seeds", "2", "--set", SMALL, "--name", "mine"]
FILE = "head.safetensors"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose features are called as those of the demo's networks, a head trained on it, its file, a photo."""
    folder = tmp_path_factory.mktemp("published")
    made = recipes(dataset_config("demo"), ["image", "body"], Weights(folder / "weights"))
    make_store(folder / "store", features=(), infos=[one.info for one in made])
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    Image.fromarray(noise).save(folder / "a.png")
    assert cli.main(["train", *words(folder), *TRAINED]) == 0
    assert publish.main([*words(folder), *TRAINED, "--licence", "CC BY 4.0", "--out", str(folder / FILE)]) == 0
    return folder


def words(place: Path) -> list[str]:
    return ["--dataset", "demo", "--store", str(place / "store"), "--runs", str(place / "runs")]


def answered(place: Path, out: Path, *more: str) -> dict[str, Any]:
    asked = ["--image", str(place / "a.png"), "--boxes", "10,10,60,80 30,5,110,85", "--out", str(out)]
    assert predict.main([*asked, *more]) == 0
    told: dict[str, Any] = json.loads((out / "a.png.json").read_text())
    return told


def test_the_file_says_without_store_and_run_what_the_head_says_at_home(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = answered(place, tmp_path / "home", *words(place), *TRAINED)
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    away = answered(place, tmp_path / "away", "--head", str(place / FILE))
    assert away["persons"] == home["persons"]
    assert capsys.readouterr().out.startswith(f"published head {place / FILE}: demo cat-6:6; licence: CC BY 4.0\n")
    told = published.read(place / FILE)
    assert {one.name: one.licence for one in told.networks} == {"demo_image": "Apache-2.0", "demo_body": "Apache-2.0"}
    results = json.loads((place / "runs" / "mine" / "results.json").read_text())
    assert told.metrics == results["rows"][0]["metrics"]
    assert told.people == results["sizes"]
    assert "| ib_dml |" in told.table


def test_without_a_licence_it_is_said_loudly(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish.main([*words(place), *TRAINED, "--out", str(tmp_path / FILE)]) == 0
    assert capsys.readouterr().err.startswith("licence of the head: not stated")
    assert published.read(tmp_path / FILE).licence == "not stated"


def test_runs_of_one_head_are_published_side_by_side(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"
    usual, slow = runs / "demo-cat-6-6-ib_dml", runs / "demo-cat-6-6-ib_dml-seeds=2-lr=1e-5"
    for folder in (usual, slow, runs / "mine", runs / "demo-seeds=3" / "cat-6-6"):
        shutil.copytree(place / "runs" / "mine", folder)
    asked = ["--dataset", "demo", "--store", str(place / "store"), "--runs", "runs", "--head", "ib_dml"]
    for more in ([], ["--seeds", "2", "--set", "lr=1e-5"], ["--name", "mine"], ["--seeds", "3"]):
        assert publish.main([*asked, *more]) == 0
    names = ["demo-cat-6-6-ib_dml", "demo-cat-6-6-ib_dml-seeds=2-lr=1e-5", "demo-seeds=3.cat-6-6.ib_dml", "mine.ib_dml"]
    assert {one.name for one in Path("published").iterdir()} == {f"{name}.safetensors" for name in names}


def again(path: Path, change: Callable[[dict[str, Tensor], dict[str, str]], None]) -> None:
    """Write the file with a change and the digest that goes with it, as somebody who means it would."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        metadata = dict(file.metadata())
    change(tensors, metadata)
    texts = metadata[ABOUT], metadata["affect-cache-published"]
    metadata["affect-cache-digest"] = published._digest(tensors, *texts)
    path.write_bytes(save(tensors, metadata))


def json_of(key: str, change: Callable[[Any], None]) -> Callable[[dict[str, Tensor], dict[str, str]], None]:
    def apply(_: dict[str, Tensor], metadata: dict[str, str]) -> None:
        content = json.loads(metadata[key])
        change(content)
        metadata[key] = json.dumps(content)

    return apply


TOLD = "affect-cache-published"
PLUGIN = {"file": "m.py", "digest": "9"}
FOREIGN: dict[str, tuple[Callable[[dict[str, Tensor], dict[str, str]], None], str]] = {
    "large": (
        json_of(ABOUT, lambda one: one["settings"].update(fusion=16_384)),
        "not a published head, or damaged: tensor ",
    ),
    "stage": (
        json_of(TOLD, lambda one: one["features"]["body"].update(stage="../evil", plugin=PLUGIN)),
        "feature body is made by the plug-in m.py (9), and stage ../evil is not known here. Give its folder: PLUGINS=",
    ),
    "escape": (
        json_of(TOLD, lambda one: one["features"]["body"].update(weights={"file:../../x.pth": "0" * 64})),
        "../../x.pth",
    ),
    "weights": (
        json_of(TOLD, lambda one: one["features"]["body"].update(weights={"demo_body": "0" * 64})),
        "demo_body.safetensors of feature body is another one, sha256 begins with 88cc5aa9, the head's with 00000000",
    ),
    "absent": (
        json_of(TOLD, lambda one: one["features"]["body"].update(weights={"resnet18": "0" * 64})),
        "resnet18-f37072fd.pth of feature body is absent: fetch https://download.pytorch.org/models/resnet18-f37072fd",
    ),
    "version": (
        json_of(TOLD, lambda one: one["features"]["body"].update(version=99, fingerprint="7" * 16)),
        "feature body would be made in another way than the head learned from: version of then",
    ),
    "plug-in": (
        json_of(ABOUT, lambda one: one.update(head="mine", plugins={"heads.models.mine": PLUGIN})),
        "head mine is not known here; it was trained with the plug-in m.py (9). Give its folder: PLUGINS=<folder>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", [*FOREIGN, "flipped", "short", "checkpoint", "gone"])
def test_a_file_that_cannot_be_trusted_is_one_line(
    fault: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / FILE
    content = bytearray((place / FILE).read_bytes())
    if fault in FOREIGN:
        path.write_bytes(content)
        again(path, FOREIGN[fault][0])
    elif fault == "flipped":
        content[-7] ^= 1
        path.write_bytes(content)
    elif fault == "short":
        path.write_bytes(content[:-100])
    elif fault == "checkpoint":
        path.write_bytes((place / "runs" / "mine" / "ib_dml.safetensors").read_bytes())
    told = {
        "flipped": "its digest is of another content. Get it again",
        "short": "not a published head, or damaged: ",
        "checkpoint": "is a run's checkpoint and does not say how its features are made. make publish",
        "gone": "no such file",
    } | {name: line for name, (_, line) in FOREIGN.items()}
    capsys.readouterr()
    assert predict.main(["--head", str(path), "--image", str(place / "a.png"), "--weights", str(tmp_path / "w")]) == 2
    error = capsys.readouterr().err
    assert told[fault] in error
    assert error.count("\n") == 1


def test_mistakes_of_publishing_are_one_line(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, runs = [*words(place), *TRAINED], place / "runs"
    for more, told in (
        (["--format", "onyx"], "FORMAT=onyx: no such form of a head. Did you mean 'onnx'?"),
        (["--out", str(tmp_path / "a.pt")], "the file ends in .safetensors"),
        (["--out", str(runs / "mine" / "ib_dml.safetensors")], "is a folder, or among the runs"),
    ):
        assert publish.main([*asked, *more]) == 2
        assert told in capsys.readouterr().err
    assert predict.main(["--head", str(place / FILE), "--image", "a.png", "--set", "lr=1"]) == 2
    assert "is a file, which says SET itself. Leave them out" in capsys.readouterr().err
    monkeypatch.setattr("heads.checkpoints.portable.find_spec", lambda name: None if name == "onnxscript" else name)
    assert publish.main([*asked, "--format", "onnx", "--out", str(tmp_path / "a.onnx")]) == 2
    line = "error: FORMAT=onnx needs onnxscript, which is not installed. Run pip install 'affect-cache[onnx]'\n"
    assert capsys.readouterr().err == line
    assert not (tmp_path / "a.onnx").exists()


def test_raw_rows_of_the_store_go_into_the_onnx_model_and_the_answers_come_out(place: Path, tmp_path: Path) -> None:
    import onnxruntime

    target = tmp_path / "a.onnx"
    assert publish.main([*words(place), *TRAINED, "--format", "onnx", "--out", str(target)]) == 0
    about = json.loads(target.with_suffix(".json").read_text())
    assert about["inputs"]["body/pooled"] == {"shape": ["people", 1024], "dtype": "float16", "unit": "activation"}
    assert about["licence"] == "not stated"
    session = onnxruntime.InferenceSession(target)
    assert json.loads(session.get_modelmeta().custom_metadata_map["networks"]) == about["networks"]
    rows = {one.name: np.full((3, 1024), 2, np.float16) for one in session.get_inputs()}
    found = dict(zip([one.name for one in session.get_outputs()], session.run(None, rows), strict=True))
    assert found["one_shot"].shape == (3, len(about["outputs"]["one_shot"]))
    np.testing.assert_allclose(found["classifier"].sum(1), 1, rtol=1e-5)
    assert digest(found["one_shot"][0].tobytes()) == digest(found["one_shot"][2].tobytes())
