"""`package/efficientnet_lite0`: a checkpoint in the package's own names gives what timm's class gives."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from one_thread import one_thread as one_thread
from PIL import Image
from timm.data import create_transform, resolve_data_config
from torch import Tensor, nn

from cache.errors import WeightsError
from pipeline.stage import Photo
from pipeline.stages._backbone_lookup import map_shape
from pipeline.stages._backbone_measure import measure
from pipeline.stages._backbone_packages import rename
from pipeline.stages._backbone_table import LITE0, NETWORKS
from pipeline.stages.backbone import Extractor
from pipeline.weights.catalogue import find
from pipeline.weights.checkpoints import initialise
from pipeline.weights.folder import Weights

REPOSITORY = Path(__file__).resolve().parents[3]
WEIGHTS, PHOTOS = REPOSITORY / "weights", REPOSITORY.parent / "shared" / "real" / "photos"
NOISE = Image.fromarray(np.random.default_rng(5).integers(0, 256, (70, 90, 3)).astype(np.uint8))


def timms(seed: str = "timm") -> nn.Module:
    """timm's class, classifier and all. Normalisations differ in every number, so that none can stand for another."""
    network: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    initialise(network, seed)
    draws = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                assert tensor is not None
                tensor.add_(torch.rand(tensor.shape, generator=draws) * 0.1)
    return network


def published_names() -> list[str]:
    """The file's own names in its own order: a walk through the network, written down by hand."""

    def norm(name: str) -> list[str]:
        return [f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]

    names = ["_conv_stem.weight", *norm("_bn0")]
    for number in range(16):
        if number:
            names += [f"_blocks.{number}._expand_conv.weight", *norm(f"_blocks.{number}._bn0")]
        names += [f"_blocks.{number}._depthwise_conv.weight", *norm(f"_blocks.{number}._bn1")]
        names += [f"_blocks.{number}._project_conv.weight", *norm(f"_blocks.{number}._bn2")]
    return [*names, "_conv_head.weight", *norm("_bn1"), "_fc.weight", "_fc.bias"]


def as_published(network: nn.Module) -> dict[str, Tensor]:
    """timm keeps its tensors in the order in which the network runs, as the file does."""
    return dict(zip(published_names(), network.state_dict().values(), strict=True))


def seen_by_timm(network: nn.Module, image: Image.Image) -> Tensor:
    """(1, 1280) of timm's own transform and class, the image stretched whole as every input here."""
    config = resolve_data_config({}, model=network) | {"crop_pct": 1.0, "crop_mode": "squash"}
    batch = create_transform(**config)(image)[None]
    with torch.inference_mode():
        return network.forward_head(network.forward_features(batch), pre_logits=True)  # type: ignore[operator]


def seen_here(folder: Path, image: Image.Image) -> Tensor:
    stage = Extractor(Extractor.Config(model=LITE0))
    stage.load("cpu", Weights(folder))
    photo = Photo("a.jpg", image, np.zeros((0, 4), np.float32))
    return torch.from_numpy(stage.extract(stage.prepare(photo)).arrays["pooled"]).float()


def assert_close(found: Tensor, expected: Tensor) -> None:
    """float16's own error, and a grey level that two resizings may differ by."""
    assert float(expected.abs().max()) > 0.1
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=2e-2 * float(expected.abs().max()))


def test_every_published_name_is_timms_in_order() -> None:
    assert len(published_names()) == 296
    assert [rename(name) for name in published_names()] == list(timms().state_dict())


def test_the_file_fills_timms_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = timms()
    torch.save(as_published(network), tmp_path / find(LITE0).file)
    monkeypatch.setattr("pipeline.weights.folder.sha256", lambda _: find(LITE0).sha256)
    assert_close(seen_here(tmp_path, NOISE), seen_by_timm(network, NOISE))


def test_on_a_cpu_no_normalisation_and_no_padding_is_a_pass_of_its_own() -> None:
    stage = Extractor(Extractor.Config(model=LITE0))
    stage.load("cpu", Weights(Path("none"), untrained=True))
    kinds = [type(one) for one in stage.network.modules()]
    assert not any(issubclass(one, nn.BatchNorm2d) for one in kinds)
    assert [one.__name__ for one in kinds].count("Conv2dSame") == 1, "the first, which sees three channels"


def test_timms_own_file_does_as_well(tmp_path: Path) -> None:
    network = timms()
    torch.save(network.state_dict(), tmp_path / "own.pth")
    stage = Extractor(Extractor.Config(model=LITE0, weights="file:own.pth", size=(64, 64), map=True))
    stage.load("cpu", Weights(tmp_path))
    batch = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        last = network.forward_features(batch)  # type: ignore[operator]
        torch.testing.assert_close(stage.network(batch)[1], last, rtol=1e-3, atol=1e-3)


def test_tensors_that_have_no_place_are_told(tmp_path: Path) -> None:
    """A block too many, a part that its block does not have, a part that none has."""
    extra = ("_blocks.16._expand_conv.weight", "_blocks.0._expand_conv.weight", "_blocks.1._se.weight")
    torch.save(as_published(timms()) | {name: torch.zeros(3) for name in extra}, tmp_path / "own.pth")
    stage = Extractor(Extractor.Config(model=LITE0, weights="file:own.pth"))
    with pytest.raises(WeightsError) as refused:
        stage.load("cpu", Weights(tmp_path))
    told = "; ".join(f"{name} (3,) is not in the network" for name in extra)
    assert str(refused.value).startswith(f"{tmp_path}/own.pth does not fit its network: {told}. ")


def test_what_is_told_without_torch_is_timms() -> None:
    row, config = NETWORKS[LITE0], timm.models.get_pretrained_cfg("tf_efficientnet_lite0")
    assert (config.input_size[1:], config.interpolation) == (row.size, row.interpolation)
    np.testing.assert_allclose([*config.mean, *config.std], np.array([*row.input.mean, *row.input.std]) / 255)
    assert map_shape(LITE0, row, (100, 75)) == measure(LITE0, row.size, (100, 75), True).map


@pytest.mark.weights
@pytest.mark.skipif(not PHOTOS.exists(), reason="needs ../shared/real")
def test_the_real_file_sees_skis() -> None:
    """In two COCO photographs of skiers; the classifier is the file's own, on what the stage gives."""
    from timm.data import ImageNetInfo

    network: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    tensors = torch.load(WEIGHTS / find(LITE0).file, weights_only=True)
    network.load_state_dict(dict(zip(network.state_dict(), tensors.values(), strict=True)))
    for name in ("000000000785.jpg", "000000197388.jpg"):
        image = Image.open(PHOTOS / name).convert("RGB")
        pooled = seen_here(WEIGHTS, image)
        assert_close(pooled, seen_by_timm(network, image))
        with torch.inference_mode():
            scores = network.classifier(pooled).softmax(1)[0]  # type: ignore[operator]
        assert ImageNetInfo().index_to_description(int(scores.argmax())).startswith("ski")
