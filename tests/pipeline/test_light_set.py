"""The light set, ``CONFIG=light``: every part trained, for any dataset. Networks here are ``small_tflite``'s."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import small_tflite
from PIL import Image

from cache.plugins import names
from cache.spec import Status
from cache.store import Store
from pipeline.cli import main
from pipeline.running.recipes import dataset_config, weights_of
from pipeline.weights.catalogue import find
from pipeline.weights.origins import PIP
from pipeline.weights.packages import PACKAGED

LIGHT = Path("light")
FEATURES = ["image", "body", "context", "face", "expression", "mask", "pose", "pose_vector"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_tflite.in_place(tmp_path_factory.mktemp("weights")) as found:
        yield found.folder


@pytest.mark.parametrize("dataset", names("pipeline.datasets"))
def test_every_part_is_trained_and_comes_by_pip(dataset: str) -> None:
    config = dataset_config(dataset, LIGHT)
    assert list(config.stages) == FEATURES
    assert not any("untrained" in table for table in config.stages.values())
    packaged = {one.name for one in PACKAGED}
    for name in weights_of(config, []):
        assert name in packaged or find(name).bundled, name
        assert find(name).bundled or find(name).url.startswith(PIP)


def test_its_heads_streams_have_the_names_of_the_other_configs() -> None:
    for dataset in ("emotic", "heco", "caer_s", "table"):
        own = dataset_config(dataset).stages
        assert {"image", "body", "context", "face"} <= set(FEATURES) & set(own)


def test_it_is_extracted_and_a_change_of_config_is_told(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, rng = tmp_path / "root", np.random.default_rng(0)
    root.mkdir()
    for name in "ab":
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        coarse.resize((160, 120), Image.Resampling.BICUBIC).save(root / f"{name}.png")
    (root / "labels.csv").write_text("image,labels,split\na.png,calm,train\nb.png,sad,test\n")
    places = {"root": root, "store": tmp_path / "store", "weights": weights}
    words = ["extract", "--dataset", "table", "--untrained", *(f"--{key}={path}" for key, path in places.items())]
    (tmp_path / "other.toml").write_text('[stages.body]\nstage = "backbone"\nmodel = "shufflenet_v2_x0_5"\n')
    assert main([*words, "--config", str(tmp_path / "other.toml")]) == 0
    store = Store(tmp_path / "store")
    before = store.in_use("table")["body"]
    assert "heads trained before do not fit" not in capsys.readouterr().out
    assert main([*words, "--config", "light"]) == 0
    after, out = store.in_use("table"), capsys.readouterr().out
    assert f"heads trained before do not fit: body (was {before}, is {after['body']})." in out
    assert "image (was" not in out
    features = store.features("table")
    assert sorted(features) == sorted(FEATURES)
    for name, array in {"image": "pooled", "context": "pooled", "pose_vector": "vector", "pose": "mask"}.items():
        keys = ["a.png", "b.png"] if name == "image" else ["a.png#0", "b.png#0"]
        assert features[name].read(array, keys)[1].tolist() == [Status.OK] * 2, name
    assert main([*words, "--config", "light"]) == 0
    assert "heads trained before" not in capsys.readouterr().out, "what is as it was is not told"
