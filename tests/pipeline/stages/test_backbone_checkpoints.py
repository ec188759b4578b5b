"""Checkpoints as they are published, with a classifier, older names or more around them; and of one's own."""

import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from backbones import close, cut, into, whole
from one_thread import one_thread as one_thread
from PIL import Image
from torch import Tensor

from cache.errors import WeightsError
from pipeline.stage import Photo
from pipeline.stages.backbone import Extractor
from pipeline.weights.checkpoints import initialise
from pipeline.weights.folder import Weights

RNG = np.random.default_rng(5)
NOISE = Image.fromarray(RNG.integers(0, 256, (60, 90, 3)).astype(np.uint8))
PHOTO = Photo("a.jpg", NOISE, np.zeros((0, 4), np.float32))


def test_densenet_checkpoints_have_older_names() -> None:
    network = whole("densenet121")
    old = {
        re.sub(r"(layer\d+\.)(norm|conv)(\d)", r"\1\2.\3", key): value for key, value in network.state_dict().items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    cut("densenet121", (64, 64), old)


def saved(folder: Path, classes: int, **more: Tensor) -> Path:
    """As AffectNet's are published: trained in parallel, another classifier, wrapped."""
    network = torchvision.models.resnet18(num_classes=classes)
    initialise(network, "own")
    state = {f"module.{key}": value for key, value in network.state_dict().items()} | more
    torch.save({"epoch": 3, "state_dict": state}, folder / "affectnet.pth")
    return folder


@pytest.mark.parametrize("classes", [7, 8])
def test_own_checkpoint_with_another_classifier(tmp_path: Path, classes: int) -> None:
    stage = Extractor(Extractor.Config(weights="file:affectnet.pth", size=(64, 64)))
    stage.load("cpu", Weights(saved(tmp_path, classes)))
    network = torchvision.models.resnet18().eval()
    initialise(network, "own")
    with torch.inference_mode():
        batch = torch.randn(1, 3, 64, 64)
        close(stage.network(batch)[0], into(network.fc, network, batch))


def test_own_checkpoint_must_fit_but_for_the_classifier(tmp_path: Path) -> None:
    stage = Extractor(Extractor.Config(weights="file:affectnet.pth", size=(64, 64)))
    with pytest.raises(
        WeightsError, match=r"affectnet\.pth does not fit its network: extra \(2,\) is not in the network"
    ):
        stage.load("cpu", Weights(saved(tmp_path, 8, extra=torch.zeros(2))))
    stage = Extractor(Extractor.Config(model="resnet34", weights="file:affectnet.pth", size=(64, 64)))
    with pytest.raises(WeightsError, match=r"is not in the file"):
        stage.load("cpu", Weights(tmp_path))


def test_timms_file_with_its_classifier(tmp_path: Path) -> None:
    network = timm.create_model("test_resnet", pretrained=False, num_classes=5).eval()
    initialise(network, "own")
    safetensors.torch.save_file(network.state_dict(), tmp_path / "test_resnet.r160_in1k.safetensors")
    stage = Extractor(Extractor.Config(model="timm/test_resnet", size=(64, 64)))
    stage.load("cpu", Weights(tmp_path))
    found = stage.extract(stage.prepare(PHOTO)).arrays["pooled"]
    pixels = torch.from_numpy(stage.prepare(PHOTO)[0].copy())  # type: ignore[union-attr]
    close(
        torch.from_numpy(found).float(),
        into(network.fc, network, pixels.permute(2, 0, 1)[None] / 127.5 - 1).half().float(),
    )


def test_the_image_tower_of_a_whole_clip_checkpoint() -> None:
    """As open_clip publishes them: the tower under a name of its own, beside the text's."""
    network = timm.create_model("test_vit", pretrained=False, num_classes=0).eval()
    initialise(network, "clip")
    tower = {f"visual.trunk.{key}": value for key, value in network.state_dict().items()}
    others = {"visual.head.proj.weight": torch.zeros(8, 64), "logit_scale": torch.zeros(1), "text.x": torch.zeros(3)}
    batch = torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        close(cut("timm/test_vit", (160, 160), tower | others)(batch)[0], network(batch))
    with pytest.raises(WeightsError, match=r"is not in the file"):
        cut("timm/test_vit", (160, 160), others)
