"""backbone against plain torchvision, one image at a time, with torchvision's own resize on tensors."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from pydantic import ValidationError
from torch import nn
from torchvision.transforms.v2 import functional as F

from cache.errors import ConfigError, UnknownName, WeightsError
from cache.spec import Granularity, Status
from pipeline.stage import Photo
from pipeline.stages._backbone_table import FIRST
from pipeline.stages.backbone import Extractor
from pipeline.weights import catalogue as weights_module
from pipeline.weights.folder import Weights
from pipeline.weights.origins import Weight

RNG = np.random.default_rng(3)
BOXES = np.array([[0, 0, 40, 60], [10.5, 5, 90, 59.5]], np.float32)
PHOTO = Photo("a.jpg", Image.fromarray(RNG.integers(0, 256, (60, 90, 3)).astype(np.uint8)).resize((90, 60)), BOXES)


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.resnet18().eval()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: nn.Module) -> Weights:
    """A checkpoint as torchvision gives them: with the classifier, 8 digits of its hash known."""
    torch.save(trained.state_dict(), tmp_path / "made.pth")
    digits = hashlib.sha256((tmp_path / "made.pth").read_bytes()).hexdigest()[:8]
    monkeypatch.setitem(weights_module.WEIGHTS, "made", Weight("made", ("made.pth",), "u", digits, "MIT", ""))
    return Weights(tmp_path)


def reference(network: nn.Module, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    features = nn.Sequential(*list(network.children())[:-1], nn.Flatten())  # all but fc
    tensor = F.resize(torch.from_numpy(pixels.copy()).permute(2, 0, 1), list(size), antialias=True)
    tensor = F.normalize(tensor[None] / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.inference_mode():
        return features(tensor)[0].numpy()


def test_whole_image(weights: Weights, trained: nn.Module) -> None:
    stage = Extractor(Extractor.Config(model="resnet18", weights="made", size=(64, 96)))
    stage.load("cpu", weights)
    found = stage.extract(stage.prepare(PHOTO))
    assert found.arrays["pooled"].dtype == np.float16
    expected = reference(trained, np.asarray(PHOTO.image), (64, 96))
    np.testing.assert_allclose(found.arrays["pooled"][0], expected, rtol=0.02, atol=0.01)


def test_bodies(weights: Weights, trained: nn.Module) -> None:
    stage = Extractor(Extractor.Config(weights="made", input="body", size=(96, 96)))
    stage.load("cpu", weights)
    found = stage.extract(stage.prepare(PHOTO))
    assert found.arrays["pooled"].shape == (2, 512)
    expected = reference(trained, np.asarray(PHOTO.image)[0:60, 0:40], (96, 96))
    np.testing.assert_allclose(found.arrays["pooled"][0], expected, rtol=0.02, atol=0.01)
    assert not np.allclose(found.arrays["pooled"][0], found.arrays["pooled"][1], rtol=0.05)


@pytest.mark.parametrize("model", FIRST)
def test_declared_features_are_those_of_the_network(model: str, tmp_path: Path) -> None:
    stage = Extractor(Extractor.Config(model=model, size=(32, 32)))
    stage.load("cpu", Weights(tmp_path, untrained=True))
    found = stage.extract(stage.prepare(PHOTO))
    assert found.arrays["pooled"].shape == (1, *stage.outputs["pooled"].shape)
    assert found.status.tolist() == [Status.OK]
    assert found.arrays["pooled"].std() > 0


def test_float16_overflow_is_counted_and_refused() -> None:
    stage = Extractor(Extractor.Config())
    big = torch.ones(3, 512)
    big[1, :7] = 70_000
    big[2, 0] = float("nan")
    stage.network, stage.device = (lambda _: (big, None)), "cpu"
    found = stage.extract([np.zeros((8, 8, 3), np.uint8)] * 3)
    assert found.status.tolist() == [Status.OK, Status.FAILED, Status.FAILED]
    assert found.messages[1] == "pooled: 7 of 512 values do not fit float16, as 70000"
    assert "1 of 512" in found.messages[2]
    assert found.arrays["pooled"].sum(axis=1).tolist() == [512, 0, 0]


def test_boxes_that_cannot_be_cropped_fail_alone(weights: Weights) -> None:
    stage = Extractor(Extractor.Config(weights="made", input="body", size=(32, 32)))
    stage.load("cpu", weights)
    boxes = np.array([[0, 0, 40, 60], [5, 5, 5, 9], [0, 0, 91, 60]], np.float32)
    found = stage.extract(stage.prepare(Photo("a", PHOTO.image, boxes)))
    assert found.status.tolist() == [Status.OK, Status.FAILED, Status.FAILED]
    assert found.messages[1:] == ["box (5, 5, 5, 9) is empty", "box (0, 0, 91, 60) leaves the image of 90 x 60"]


def test_defaults_hang_on_model_and_input_and_are_stored() -> None:
    assert Extractor.Config().model_dump() == {
        "model": "resnet18", "weights": "resnet18", "input": "image", "size": (224, 224),
    }  # fmt: skip
    body = Extractor(Extractor.Config(model="resnet50", input="body"))
    assert body.config.size == (256, 256)
    assert body.weights == ("resnet50",)
    assert (body.unit, body.granularity) == (Granularity.PERSON, Granularity.PERSON)
    assert body.outputs["pooled"].shape == (2048,)


def refuse(**settings: Any) -> str:
    with pytest.raises((UnknownName, ValidationError)) as caught:
        Extractor(Extractor.Config(**settings))
    return str(caught.value)


def test_faults_in_settings() -> None:
    assert "Did you mean 'resnet18'" in refuse(model="resnet81")
    assert "size" in refuse(size=(0, 5))
    assert "sizes" in refuse(sizes=3)


def test_nothing_falls_back(tmp_path: Path) -> None:
    stage = Extractor(Extractor.Config())
    with pytest.raises(WeightsError, match=r"resnet18-f37072fd\.pth is absent"):
        stage.load("cpu", Weights(tmp_path))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match=r"finds no CUDA device here\. Use DEVICE=cpu"):
            stage.load("cuda", Weights(tmp_path, untrained=True))
