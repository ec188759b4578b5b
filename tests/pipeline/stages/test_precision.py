"""bfloat16 as a setting: the same features but for its eight bits, and other fingerprints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from cache.plugins import load
from pipeline.running.recipes import DatasetConfig, recipes
from pipeline.stage import Photo
from pipeline.weights.folder import Weights

NOTHING = Weights(Path("none"), untrained=True)
STAGES: list[tuple[str, dict[str, Any], str]] = [
    ("sem2vec", {"model": "demo_hr8", "size": (64, 96)}, "area"),
    ("backbone", {"model": "resnet18", "size": (64, 64)}, "pooled"),
    ("backbone", {"model": "timm/test_vit"}, "pooled"),
    ("depth", {"size": 42}, "map"),
    ("hrnet_maps", {"model": "hrnet_w18_small", "size": (64, 64)}, "c32"),
    ("scene", {"size": (64, 64)}, "pooled"),
    ("pose", {"model": "rtmpose-t"}, "keypoints"),
]


def extracted(stage: str, settings: dict[str, Any], array: str) -> np.ndarray[Any, Any]:
    extractor = load("pipeline.stages", stage, "Extractor")
    made = extractor(extractor.Config(**settings))
    made.load("cpu", NOTHING)
    rough = np.random.default_rng(3).integers(0, 256, (12, 9, 3)).astype(np.uint8)
    image = Image.fromarray(rough).resize((90, 120), Image.Resampling.BICUBIC)
    rows = made.extract(made.prepare(Photo("a.jpg", image, np.array([[10, 8, 80, 110]], np.float32))))
    assert rows.arrays[array].dtype == made.outputs[array].dtype
    return np.asarray(rows.arrays[array], np.float64)


@pytest.mark.parametrize(
    ("stage", "settings", "array"), STAGES, ids=[f"{name}-{at}" for at, (name, *_) in enumerate(STAGES)]
)
def test_half_the_bits_give_nearly_the_same(stage: str, settings: dict[str, Any], array: str) -> None:
    """bfloat16 rounds to 2 ** -9 of a value; some twenty to a hundred layers later a few hundredths are left."""
    full = extracted(stage, settings, array)
    half = extracted(stage, settings | {"precision": "bfloat16"}, array)
    assert not np.array_equal(full, half)
    assert np.corrcoef(full.ravel(), half.ravel())[0, 1] > 0.99


def test_another_precision_is_another_feature_and_the_default_is_unnamed_in_the_first_ones() -> None:
    def fingerprint(**settings: str) -> str:
        stages: dict[str, dict[str, Any]] = {"image": {"stage": "backbone", "model": "resnet18", **settings}}
        return str(recipes(DatasetConfig(dataset="demo", stages=stages), [], NOTHING)[0].fingerprint)

    assert fingerprint() == fingerprint(precision="float32") != fingerprint(precision="bfloat16")


def test_only_what_there_is() -> None:
    extractor = load("pipeline.stages", "scene", "Extractor")
    with pytest.raises(ValidationError, match="'float32' or 'bfloat16'"):
        extractor.Config(precision="float16")
