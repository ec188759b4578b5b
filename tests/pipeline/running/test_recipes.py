"""The fingerprint covers what changes a value, and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import pipeline.running.identity
from cache.errors import ConfigError, UnknownName
from pipeline.running.recipes import DatasetConfig, Recipe, dataset_config, recipes, weights_of
from pipeline.running.request import Request
from pipeline.stages.backbone import Extractor
from pipeline.weights.folder import Weights

TABLE: dict[str, Any] = {"stage": "backbone", "model": "shufflenet_v2_x0_5", "size": [64, 64]}


def recipe(source: Weights = Weights(Path("none"), untrained=True), **changes: Any) -> Recipe:  # noqa: B008
    (found,) = recipes(DatasetConfig(dataset="demo", stages={"image": TABLE | changes}), [], source)
    return found


def test_settings_change_it_and_batch_size_does_not() -> None:
    plain = recipe()
    assert recipe().fingerprint == plain.fingerprint
    assert recipe(batch_size=3).fingerprint == plain.fingerprint
    assert recipe(batch_size=3).stage.batch_size == 3
    assert recipe(size=[64, 96]).fingerprint != plain.fingerprint
    assert recipe(model="shufflenet_v2_x1_0").fingerprint != plain.fingerprint
    assert recipe(input="body").fingerprint != plain.fingerprint


def test_a_default_that_is_written_out_changes_nothing() -> None:
    assert recipe(input="image", weights="shufflenet_v2_x0_5").fingerprint == recipe().fingerprint


def test_where_the_weights_lie_does_not_change_it_but_what_they_are_does(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = recipe(Weights(Path("other"), untrained=True))
    assert elsewhere.fingerprint == recipe().fingerprint
    monkeypatch.setattr(Weights, "digest", lambda *_: "a" * 64)
    trained = recipe()
    assert trained.fingerprint != elsewhere.fingerprint
    monkeypatch.setattr(Weights, "digest", lambda *_: "b" * 64)
    assert recipe().fingerprint != trained.fingerprint


def test_decoding_and_code_version_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = recipe().fingerprint
    monkeypatch.setattr(Extractor, "version", Extractor.version + 1)
    newer = recipe().fingerprint
    monkeypatch.setattr(pipeline.running.identity, "DECODE_POLICY", {"version": 99})
    assert len({plain, newer, recipe().fingerprint}) == 3


def test_untrained_is_said_and_one_feature_may_ask_for_it_alone() -> None:
    assert not recipe().info["trained"]
    assert not recipe(Weights(Path("none")), untrained=True).info["trained"]
    assert recipe(Weights(Path("none")), weights="demo_image").info["trained"]


def test_names_are_those_of_the_config() -> None:
    config = dataset_config("demo")
    chosen = recipes(config, ["body", "sem2vec"], Weights(Path("none"), untrained=True))
    assert [one.feature for one in chosen] == ["sem2vec", "body"]
    with pytest.raises(UnknownName, match="Did you mean 'sem2vec'"):
        recipes(config, ["sem2vc"], Weights(Path("none"), untrained=True))
    with pytest.raises(ConfigError, match="is for dataset 'demo', DATASET is 'emotic'"):
        dataset_config("emotic", Path(pipeline.running.recipes.__file__).parents[1] / "configs" / "demo.toml")


def test_a_config_without_dataset_fits_any_and_its_shards_are_the_datasets_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[stages.face]\n")
    for dataset, images in {"demo": 128, "emotic": 256}.items():
        own = dataset_config(dataset)
        found = dataset_config(dataset, path)
        assert (found.dataset, found.shard_images, own.shard_images) == (dataset, images, images)
    path.write_text("shard_images = 7\n[stages.face]\n")
    assert dataset_config("demo", path).shard_images == 7
    path.write_text('shown = ["fcae"]\n[stages.face]\n')
    with pytest.raises(ConfigError, match=r"mine\.toml: shown: no stage 'fcae'\. Did you mean 'face'"):
        dataset_config("demo", path)


def test_a_word_is_a_shipped_configs_name_and_a_file_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "expression" in dataset_config("heco", Path("light")).stages
    assert dataset_config("demo", Path("demo")) == dataset_config("demo")
    with pytest.raises(UnknownName, match=r"no config 'lihgt'\. Did you mean 'light'"):
        dataset_config("demo", Path("lihgt"))
    with pytest.raises(UnknownName, match="no dataset 'light'"):
        dataset_config("light")
    with pytest.raises(ConfigError, match=r"lihgt\.toml: no such config file"):
        dataset_config("demo", Path("lihgt.toml"))
    Path("light").write_text("[stages.face]\n")
    assert list(dataset_config("demo", Path("light")).stages) == ["face"]
    there = Request("demo", Path(), Path(), Path(), config=Path("light")).absolute().config
    assert there == tmp_path / "light"
    Path("light").unlink()
    assert Request("demo", Path(), Path(), Path(), config=Path("light")).absolute().config == Path("light")


@pytest.mark.parametrize(
    ("stages", "text"),
    [
        ({}, "stages"),
        ({"image": TABLE | {"untrained": "yes"}}, "untrained is true or false, got 'yes'"),
        ({"image": TABLE | {"batch_size": True}}, "batch_size is a whole number from 1, got True"),
        ({"f": {"stage": "backbone", "input": "face", "source": "fcae"}, "face": {}}, "Did you mean 'face'?"),
        ({"f": {"stage": "backbone", "input": "face", "source": "f"}}, "is its own source"),
    ],
)
def test_a_config_that_cannot_be_is_told_by_every_command(stages: dict[str, Any], text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    lines = [
        f"[stages.{name}]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in table.items())
        for name, table in stages.items()
    ]
    path.write_text("\n".join(['dataset = "demo"', *(lines or ["[stages]"])]))
    with pytest.raises(ConfigError, match=re.escape(text)):
        recipes(dataset_config("demo", path), [], Weights(Path("none"), untrained=True))
    with pytest.raises(ConfigError, match=re.escape(text)):
        weights_of(dataset_config("demo", path), [])


def test_frozen_networks_are_whole_for_every_photograph_dataset() -> None:
    found = dataset_config("heco", Path("frozen"))
    assert {f"{kind}{part}" for kind in ("clip", "dinov2") for part in ("", "_body", "_context")} == set(found.stages)
    models = {"timm/vit_base_patch16_clip_quickgelu_224.openai", "timm/vit_base_patch14_dinov2.lvd142m"}
    assert set(weights_of(found, found.stages)) == models
