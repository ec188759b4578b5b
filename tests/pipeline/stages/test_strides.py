"""Maps at four strides: the same as the libraries give them; what is kept of them, by loops."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from cache.errors import ConfigError
from pipeline.networks import openmmlab
from pipeline.stage import Photo, Stage, normalise
from pipeline.stages import _backbone_lookup as lookup
from pipeline.stages import _backbone_strides as strided
from pipeline.stages import backbone, hrnet_maps
from pipeline.stages._strides import BRANCHES
from pipeline.weights.folder import Weights

SIZE = (64, 96)
WEIGHTS = Weights(Path("none"), untrained=True)
NOISE = np.random.default_rng(3).integers(0, 256, (9, 7, 3)).astype(np.uint8)
PHOTO = Photo("a.jpg", Image.fromarray(NOISE).resize((90, 70)), np.zeros((0, 4), np.float32))


def given(stage: Stage[Any]) -> dict[str, NDArray[Any]]:
    """The row of one photograph, of each array."""
    stage.load("cpu", WEIGHTS)
    found = stage.extract(stage.prepare(PHOTO))
    assert found.messages == [""]
    return {name: array[0] for name, array in found.arrays.items()}


def by_backbone(**settings: Any) -> backbone.Extractor:
    return backbone.Extractor(backbone.Extractor.Config(**{"size": SIZE, "maps": "strides"} | settings))


def by_hand(blocks: nn.Module, wanted: tuple[str, ...], x: Tensor) -> list[Tensor]:
    """What the blocks of those names give, each run on what the one before gave."""
    out = []
    with torch.inference_mode():
        for name, block in blocks.named_children():
            x = block(x)
            out += [x.clone()] * (name in wanted)
    return out


@pytest.mark.parametrize(
    ("model", "last", "wanted"),
    [
        ("resnet18", "fc", ("layer1", "layer2", "layer3", "layer4")),
        ("shufflenet_v2_x0_5", "fc", ("maxpool", "stage2", "stage3", "conv5")),
        ("densenet121", "classifier", ("denseblock1", "denseblock2", "denseblock3", "norm5")),  # overwrites its maps
    ],
)
def test_torchvisions_maps_are_those_of_its_blocks(model: str, last: str, wanted: tuple[str, ...]) -> None:
    network: Any = torchvision.models.get_model(model)
    setattr(network, last, nn.Identity())
    WEIGHTS.load_into(model, network, lambda key: None if key.startswith(f"{last}.") else key)
    network.eval()
    stage = by_backbone(model=model)
    x = normalise(stage.prepare(PHOTO), "cpu", stage.config.mean, stage.config.std)
    expected = by_hand(network.features if model == "densenet121" else network, wanted, x)
    found = given(stage)
    for branch, one in zip(BRANCHES, expected, strict=True):
        scale = float(one.abs().max())
        np.testing.assert_allclose(found[branch], one[0], atol=2e-3 * scale, err_msg=branch)
    with torch.inference_mode():
        np.testing.assert_allclose(found["pooled"], network(x)[0], atol=2e-3 * float(network(x).abs().max()))


def test_timms_maps_are_those_that_it_extracts_itself() -> None:
    stage = by_backbone(model="timm/tf_efficientnet_lite0.in1k")
    found, x = given(stage), normalise(stage.prepare(PHOTO), "cpu", stage.config.mean, stage.config.std)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    strided_state = given_state(stage.config.weights, network)
    expected = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(1, 2, 3, 4)).eval()
    expected.load_state_dict({key: strided_state[key] for key in expected.state_dict()})
    with torch.inference_mode():
        for branch, one in zip(BRANCHES, expected(x), strict=True):
            np.testing.assert_allclose(found[branch], one[0], atol=2e-3 * float(one.abs().max()), err_msg=branch)


def given_state(name: str, network: nn.Module) -> dict[str, Tensor]:
    WEIGHTS.load_into(name, network)
    return dict(network.state_dict())


def test_the_demos_trunk_is_what_its_segmenter_stands_on() -> None:
    stage = hrnet_maps.Extractor(hrnet_maps.Extractor.Config(model="demo_hr8", size=(96, 128)))
    assert stage.config.weights == "demo_hr8"
    found, segmenter = given(stage), openmmlab.build_segmentor("demo_hr8")
    WEIGHTS.load_into("demo_hr8", segmenter)
    segmenter.train(False)
    with torch.inference_mode():
        expected: Any = segmenter.backbone(normalise(stage.prepare(PHOTO), "cpu"))
    for branch, one in zip(BRANCHES, expected, strict=True):
        np.testing.assert_allclose(found[branch], one[0], atol=2e-3 * float(one.max()), err_msg=branch)


@pytest.mark.parametrize("stage", ["backbone", "hrnet_maps"])
def test_what_is_kept_are_means_of_whole_blocks_of_pixels(stage: str) -> None:
    settings: dict[str, Any] = {"size": SIZE}
    settings |= {"model": "resnet18", "maps": "strides"} if stage == "backbone" else {"model": "demo_hr8"}
    kind: Any = {"backbone": backbone, "hrnet_maps": hrnet_maps}[stage].Extractor
    whole = given(kind(kind.Config(**settings)))  # of 16 x 24, 8 x 12, ...
    few = kind(kind.Config(**settings, largest=(8, 4), branches=("c8", "c4"), compressed=True))
    found = given(few)
    assert set(found) - {"pooled"} == {"c4", "c8"}
    for name, (rows, columns) in {"c4": (2, 6), "c8": (1, 3)}.items():
        assert few.outputs[name].compressed
        assert "means of blocks" in few.outputs[name].unit
        channels = len(whole[name])
        for channel, row, column in [(0, 0, 0), (channels - 1, 7, 3), (1, 5, 2)]:
            block = whole[name][channel, row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
            assert found[name].shape == (channels, 8, 4)
            np.testing.assert_allclose(found[name][channel, row, column], block.astype(float).mean(), rtol=4e-3)


@pytest.mark.parametrize("model", [*strided.CHANNELS, "efficientnet_v2_s", "timm/convnext_atto"])
def test_shapes_are_known_before_anything_is_run(model: str) -> None:
    model, known = lookup.find(model)
    measured = strided._measured(model, known.size, (96, 72))
    assert strided.shapes(model, known, (96, 72)) == measured
    assert [measured[branch][1:] for branch in BRANCHES] == [(24, 18), (12, 9), (6, 5), (3, 3)] or "timm" in model


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"largest": (7, 12)}, "a map of 16 x 24 pixels has no whole blocks to take 7 x 12 means of"),
        ({"model": "vit_b_16", "size": (224, 224)}, "vit_b_16 has none: take another network"),
        ({"model": "timm/hrnet_w18_small"}, "c32; timm/.* has c8, c16, c32: the stage hrnet_maps keeps"),
        ({"maps": "", "branches": ("c4",)}, "branches, largest and compressed are for maps = 'strides'"),
        ({"maps": "", "compressed": True}, "branches, largest and compressed are for maps = 'strides'"),
        ({"map": True}, "keeps the last map too: leave cut and map out"),
        ({"cut": "layer3"}, "keeps the last map too: leave cut and map out"),
    ],
)
def test_settings_that_fit_no_maps_are_told_when_a_run_is_planned(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        by_backbone(**settings)


def test_features_without_such_settings_are_stored_as_they_were() -> None:
    for kind in (backbone, hrnet_maps):
        dumped = kind.Extractor.Config().model_dump()
        assert not {"maps", "largest", "compressed"} & dumped.keys()
    assert backbone.Extractor.Config(branches=("c8", "c4"), maps="strides").model_dump()["branches"] == ("c4", "c8")
    assert hrnet_maps.Extractor.Config(largest=(64, 64)).model_dump()["largest"] == (64, 64)
