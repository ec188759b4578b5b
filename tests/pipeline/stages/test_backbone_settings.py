"""Settings of backbone: which go together, which are stored, and what keeps its fingerprint."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cache.errors import ConfigError, UnknownName
from cache.fingerprint import fingerprint
from pipeline.running.recipes import dataset_config, recipes
from pipeline.stages.backbone import Extractor
from pipeline.weights.folder import Weights


def refuse(**given: Any) -> str:
    with pytest.raises((ConfigError, UnknownName, ValidationError)) as caught:
        Extractor(Extractor.Config(**given))
    return str(caught.value)


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        ({"blank": "mean"}, "blank = 'mean' is for input 'context', not 'image'"),
        ({"crop": "square"}, "crop = 'square' is for input 'body', not 'image'"),
        ({"input": "body", "margin": 0.2}, "margin = 0.2 is for crop 'expand' or 'square', not 'stretch'"),
        ({"input": "body", "crop": "expand", "margin": 0}, "margin = 0 leaves the box as it is"),
        ({"source": "face"}, "source = 'face' is for input face, depth only"),
        ({"input": "context", "source": "face"}, "or blank = 'mask' or 'face'"),
        ({"input": "body", "blank": "face"}, "blank = 'face' is for input 'context', not 'body'"),
        ({"input": "face", "source": ""}, "source = '' is for input 'face', and there is none"),
        (
            {"cut": "layer3", "model": "vgg16"},
            "cut = 'layer3' is for resnet18, resnet34, resnet50, resnet101, resnet152, not",
        ),
        ({"cut": "layer3", "map": True}, "a feature has one map, of cut = 'layer3' or the last: leave map out"),
        ({"input": "hands"}, "'image', 'body', 'context', 'face', 'head' or 'depth'"),
        ({"std": (1, 1, 0)}, "greater than 0"),
    ],
)
def test_settings_that_say_nothing_are_refused(given_: dict[str, Any], text: str) -> None:
    assert text in refuse(**given_)


def test_batches_are_smaller_for_what_is_large() -> None:
    sizes = {"resnet18": 16, "resnet101": 16, "vit_b_16": 8, "vit_l_16": 4, "efficientnet_b7": 2}
    assert {name: Extractor(Extractor.Config(model=name)).batch_size for name in sizes} == sizes
    assert Extractor(Extractor.Config(model="resnet18", size=(640, 640))).batch_size == 4


@pytest.mark.parametrize(
    ("dataset", "feature", "expected"),
    [
        (
            "demo",
            "image",
            {"model": "shufflenet_v2_x0_5", "weights": "demo_image", "input": "image", "size": [160, 160]},
        ),
        ("demo", "body", {"model": "shufflenet_v2_x0_5", "weights": "demo_body", "input": "body", "size": [128, 128]}),
        ("emotic", "image", {"model": "resnet18", "weights": "resnet18", "input": "image", "size": [224, 224]}),
        ("emotic", "body", {"model": "resnet18", "weights": "resnet18", "input": "body", "size": [256, 256]}),
    ],
)
def test_features_extracted_before_there_were_more_settings_keep_their_fingerprints(
    dataset: str, feature: str, expected: dict[str, Any]
) -> None:
    made = recipes(dataset_config(dataset), [feature], Weights(Path("none"), untrained=True))[-1]
    assert made.info["config"] == expected
    identity = {name: made.info[name] for name in ("stage", "version", "config", "weights", "decode")}
    assert identity["version"] == 2
    assert made.fingerprint == fingerprint(identity)


def test_what_differs_from_the_first_settings_is_stored() -> None:
    config = Extractor.Config(input="body", crop="expand", flip=True)
    assert config.model_dump() == {
        "model": "resnet18", "weights": "resnet18", "input": "body", "size": (256, 256), "flip": True,
        "crop": "expand", "margin": 0.2,
    }  # fmt: skip
    for given_ in ({"input": "context"}, {"input": "face"}, {"model": "vit_b_16", "map": True}):
        config = Extractor.Config(**given_)
        assert Extractor.Config(**config.model_dump()) == config
    assert Extractor.Config(model="vit_b_16").model_dump()["mean"] == (123.675, 116.28, 103.53)


def test_a_context_without_the_face_stores_where_faces_come_from() -> None:
    stored = {"model": "resnet18", "weights": "resnet18", "input": "context", "size": (224, 224)}
    assert Extractor.Config(input="context", blank="face").model_dump() == stored | {"source": "face", "blank": "face"}


def test_a_cut_is_stored_and_where_there_is_none_nothing_is() -> None:
    assert Extractor.Config(cut="layer3").model_dump()["cut"] == "layer3"
    for model in ("resnet34", "resnet101"):
        assert Extractor.Config(model=model, cut="layer3").model_dump()["cut"] == "layer3"
    for model in ("resnet18", "resnet101", "vit_b_16"):
        assert "cut" not in Extractor.Config(model=model).model_dump()
