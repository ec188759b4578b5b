"""What is known of networks without building them, against the libraries; names and sizes that are not there."""

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import timm
import torchvision

from cache.errors import ConfigError, UnknownName
from pipeline.stages import _backbone_table as table
from pipeline.stages._backbone_lookup import map_shape
from pipeline.stages._backbone_measure import measure, of_timm
from pipeline.stages.backbone import Extractor
from pipeline.weights.catalogue import find


@pytest.mark.parametrize("size", [(64, 96), (100, 75), (33, 65)])
@pytest.mark.parametrize("model", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0"])
def test_map_shapes_that_are_told_without_torch(model: str, size: tuple[int, int]) -> None:
    network = table.NETWORKS[model]
    assert map_shape(model, network, size) == measure(model, network.size, size, True).map


@pytest.mark.parametrize(
    "model", [name for name in table.NETWORKS if table.NETWORKS[name].millions < 100 and "vit" in name]
)
def test_map_shapes_of_transformers_that_are_told_without_torch(model: str) -> None:
    network = table.NETWORKS[model]
    for size in {network.size, (224, 224)}:
        assert map_shape(model, network, size) == measure(model, network.size, size, True).map


TORCH_FREE = """
import sys
from pipeline.stages.backbone import Extractor
for settings in (
    {"model": "vit_b_16", "map": True, "flip": True},
    {"model": "timm/vit_small_patch14_dinov2.lvd142m", "size": (224, 224), "map": True},
    {"model": "timm/vit_base_patch16_clip_quickgelu_224.openai", "input": "body", "crop": "square"},
    {"model": "resnet101", "input": "context", "map": True},
    {"model": "inception_resnet_v1", "input": "face"},
):
    stage = Extractor(Extractor.Config(**settings))
    print(stage.outputs, stage.weights, stage.batch_size)
print([name for name in ("torch", "torchvision", "timm", "facenet_pytorch") if name in sys.modules])
"""


def test_networks_of_the_table_are_planned_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", TORCH_FREE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_classifier_of_torchvision_is_known_with_its_own_input() -> None:
    models = torchvision.models.list_models(module=torchvision.models)
    assert {name for name in table.NETWORKS if "/" not in name} == {*models, table.FACENET}
    for name in models:
        entries = torchvision.models.get_model_weights(name)
        preset = getattr(entries, "IMAGENET1K_V1", next(iter(entries))).transforms()
        row = table.NETWORKS[name]
        assert (*preset.crop_size, preset.interpolation.value) == (row.size[0], row.interpolation), name
        np.testing.assert_allclose([*preset.mean, *preset.std], np.array([*row.input.mean, *row.input.std]) / 255, 1e-6)
        assert find(name).file == getattr(entries, "IMAGENET1K_V1", next(iter(entries))).url.rpartition("/")[2]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if row.millions < 12 and "regnet" not in name else [pytest.mark.slow])
        for name, row in table.NETWORKS.items()
        if row.millions < 200
    ],
)
def test_rows_of_the_table(name: str) -> None:
    row = table.NETWORKS[name]
    measured = measure(name, row.size, row.size, False)
    assert (measured.features, measured.millions) == (row.features, row.millions)


def test_rows_of_timm_are_timms() -> None:
    for name, row in table.NETWORKS.items():
        if name.startswith("timm/"):
            config = timm.models.get_pretrained_cfg(name.removeprefix("timm/"))
            assert (config.input_size[1:], config.interpolation) == (row.size, row.interpolation), name
            np.testing.assert_allclose(
                [*config.mean, *config.std], np.array([*row.input.mean, *row.input.std]) / 255, 1e-5
            )
            assert config.fixed_input_size is (row.patch != 1)


def test_weights_of_timm_come_from_where_timm_has_them() -> None:
    quick = timm.list_pretrained("*_clip_quickgelu_*")
    assert len(quick) > 10
    for model in [*quick, *(name.removeprefix("timm/") for name in table.NETWORKS if name.startswith("timm/"))]:
        config = timm.models.get_pretrained_cfg(model)
        weight, file = find(f"timm/{model}"), config.hf_hub_filename or "model.safetensors"
        assert weight.url == f"https://huggingface.co/{config.hf_hub_id}/resolve/main/{file}"
        assert weight.licence == f"see huggingface.co/{config.hf_hub_id}"
        assert weight.file == f"{model}.safetensors", "of its own: the activation is another"


def test_a_model_of_timm_gets_its_full_name_and_what_its_config_says() -> None:
    name, network = of_timm("timm/test_resnet")
    assert name == "timm/test_resnet.r160_in1k"
    assert network == table.Network(96, 0, (160, 160), "bilinear", table.HALF, 1)
    config = Extractor.Config(model="timm/test_vit2", input="body")
    name = "timm/test_vit2.r160_in1k"
    assert (config.model, config.weights, config.size) == (name, name, (160, 160))
    assert (config.mean, config.std, config.interpolation) == (*table.HALF, "bicubic")
    stored = config.model_dump()
    assert stored["mean"] == (127.5, 127.5, 127.5)
    assert Extractor.Config(**stored) == config
    assert find(name).file == "test_vit2.r160_in1k.safetensors"


def refuse(kind: type[Exception], **settings: Any) -> str:
    with pytest.raises(kind) as caught:
        Extractor(Extractor.Config(**settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_and_sizes_that_are_not_there() -> None:
    assert "Did you mean 'vit_b_16'" in refuse(UnknownName, model="vit_b16")
    assert "Known: torchvision's classifiers" in refuse(UnknownName, model="zzz")
    assert "Did you mean 'vit_small_patch14_dinov2'" in refuse(UnknownName, model="timm/vit_smal_patch14_dinov2")
    wrong = "timm/vit_smal_patch14_dinov2.lvd142m"
    assert "Did you mean 'vit_small_patch14_dinov2.lvd142m'?" in refuse(UnknownName, model=wrong)
    assert "Did you mean 'resnet50" in refuse(UnknownName, model="timm/ResNet-50.a1_in1k")
    none = f"no model of timm {timm.__version__} 'nosuch', and none like it: timm.list_models() names them all."
    assert refuse(UnknownName, model="timm/nosuch") == none
    near = refuse(UnknownName, model="timm/vit_smal_patch14_dinov2")
    assert "Known:" not in near
    assert set(re.findall(r"Nearest: (.*)\.$", near)[0].split(", ")) <= {*timm.list_models(), *timm.list_pretrained()}
    assert "no tag of timm's test_vit 'x'. Known: r160_in1k." in refuse(UnknownName, model="timm/test_vit.x")
    assert "whole patches of 14 x 14" in refuse(
        ConfigError, model="timm/vit_small_patch14_dinov2.lvd142m", size=(224, 225)
    )
    assert "squares only" in refuse(ConfigError, model="vit_b_16", size=(224, 240))
    assert "its own is [160, 160]" in refuse(ConfigError, model="timm/test_vit2", size=(100, 100))
    assert "size is fixed" in refuse(ConfigError, model="timm/botnet26t_256.c1_in1k", size=(224, 224))


def test_a_network_without_a_map_says_so() -> None:
    stage = Extractor(Extractor.Config(model="timm/pit_ti_224", map=True))
    with pytest.raises(ConfigError, match="are no map"):
        assert stage.outputs
