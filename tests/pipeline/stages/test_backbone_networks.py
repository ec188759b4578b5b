"""Networks without their classifiers against the same networks whole: what reaches the last linear layer."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from one_thread import one_thread as one_thread
from PIL import Image
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from cache.errors import ConfigError, UnknownName, WeightsError
from pipeline.checkpoints import fill, initialise
from pipeline.stage import Photo, deploy
from pipeline.stages import _backbone_table as table
from pipeline.stages._backbone_measure import measure, of_timm
from pipeline.stages._backbone_networks import Backbone, build
from pipeline.stages.backbone import Extractor
from pipeline.weights import Weights, find

RNG = np.random.default_rng(5)
PHOTO = Photo(
    "a.jpg", Image.fromarray(RNG.integers(0, 256, (60, 90, 3)).astype(np.uint8)), np.zeros((0, 4), np.float32)
)


class Given:
    """Stands in for Weights: gives the tensors of a network at hand, by the same rules."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors

    def load_into(self, name: str, network: nn.Module, rename: Any = None, adapt: Any = None) -> None:
        named = {rename(key) if rename else key: value for key, value in self.tensors.items()}
        kept = {key: value for key, value in named.items() if key is not None}
        fill(network, adapt(kept) if adapt else kept, name)


def cut(model: str, size: tuple[int, int], tensors: Mapping[str, Tensor]) -> Backbone:
    name, network = table.find(model)
    backbone = build(name, network.size, size, True)
    backbone.load(Given(tensors), model)  # type: ignore[arg-type]
    return deploy(backbone, "cpu")  # type: ignore[return-value]


def into(module: nn.Module, network: nn.Module, batch: Tensor) -> Tensor:
    """What ``module`` gets when ``network`` runs."""
    seen: list[Tensor] = []
    handle = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    with torch.inference_mode():
        network(batch)
    handle.remove()
    return seen[0].flatten(1)


def close(found: Tensor | None, expected: Tensor) -> None:
    assert found is not None
    assert expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.detach().abs().max()))


WHOLE = {
    "resnet18": 64, "densenet121": 64, "efficientnet_b0": 64, "mnasnet0_5": 64,
    "mobilenet_v2": 64, "mobilenet_v3_small": 64, "regnet_x_400mf": 64, "shufflenet_v2_x0_5": 64,
    "squeezenet1_1": 64, "googlenet": 64, "inception_v3": 96,
}  # fmt: skip
LARGE = {
    "alexnet": 64, "vgg11": 64, "maxvit_t": 224, "vit_b_32": 224, "wide_resnet50_2": 64, "resnext50_32x4d": 64,
    "swin_t": 64, "swin_v2_t": 64, "convnext_tiny": 64,
}  # fmt: skip


def whole(model: str) -> nn.Module:
    settings: dict[str, Any] = {}
    if model in ("googlenet", "inception_v3"):  # with the heads that training needs, as in their checkpoints
        settings = {"init_weights": False, "aux_logits": True, "transform_input": True}
    network: nn.Module = torchvision.models.get_model(model, **settings)
    initialise(network, model)
    return network.eval()


@pytest.mark.parametrize(
    ("model", "side"), [*WHOLE.items(), *(pytest.param(*one, marks=pytest.mark.slow) for one in LARGE.items())]
)
def test_torchvision(model: str, side: int) -> None:
    network, batch = whole(model), torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    backbone = cut(model, (side, side), network.state_dict())
    with torch.inference_mode():
        pooled, last = backbone(batch)
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    head = linear[-2] if model.startswith("mobilenet_v3") else linear[-1] if linear else network.classifier[1]  # type: ignore[index]
    expected = into(head, network, batch)
    if model.startswith("squeezenet"):  # its classifier is a convolution
        expected = expected.unflatten(1, (512, -1)).mean(2)
    close(pooled, expected)
    assert pooled.shape[1] == table.NETWORKS[model].features
    assert last is not None
    assert last.shape[1:] == table.map_shape(model, table.NETWORKS[model], (side, side))
    if not model.startswith(("vit", "vgg", "alexnet", "convnext", "maxvit")):  # those do more than pool it
        close(last.mean((2, 3)), expected)


@pytest.mark.parametrize("size", [(64, 96), (100, 75), (33, 65)])
@pytest.mark.parametrize("model", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0"])
def test_map_shapes_that_are_told_without_torch(model: str, size: tuple[int, int]) -> None:
    network = table.NETWORKS[model]
    assert table.map_shape(model, network, size) == measure(model, network.size, size, True).map


def test_patch_tokens_of_torchvisions_vit_and_its_other_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vit_b_32 of two layers, to be quick."""
    small = partial(VisionTransformer, patch_size=32, num_layers=2, num_heads=2, hidden_dim=768, mlp_dim=64)
    monkeypatch.setattr(torchvision.models, "get_model", lambda _, image_size=224: small(image_size))
    network = whole("vit_b_32")
    batch = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    tokens: list[Tensor] = []
    network.get_submodule("encoder").register_forward_hook(lambda _m, _i, out: tokens.append(out))
    with torch.inference_mode():
        network(batch)
    old = {re.sub(r"mlp\.0\.", "mlp.linear_1.", key): value for key, value in network.state_dict().items()}
    old = {re.sub(r"mlp\.3\.", "mlp.linear_2.", key): value for key, value in old.items()}  # as they are published
    with torch.inference_mode():
        pooled, last = cut("vit_b_32", (224, 224), old)(batch)
    close(pooled, tokens[0][:, 0])
    assert last is not None
    close(last[:, :, 2, 5], tokens[0][:, 1 + 2 * 7 + 5])
    backbone = cut("vit_b_32", (96, 96), old)
    with torch.inference_mode():
        pooled, last = backbone(batch[..., :96, :96])
    assert pooled.shape == (2, 768)
    assert last is not None
    assert last.shape == (2, 768, 3, 3)
    position = backbone.network.encoder.pos_embedding
    corners = network.get_parameter("encoder.pos_embedding")[:, [0, 1, 7, 43, 49]]  # class, then the grid's corners
    close(position[:, [0, 1, 3, 7, 9]], corners)


def test_densenet_checkpoints_have_older_names() -> None:
    network = whole("densenet121")
    old = {
        re.sub(r"(layer\d+\.)(norm|conv)(\d)", r"\1\2.\3", key): value for key, value in network.state_dict().items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    cut("densenet121", (64, 64), old)


TIMM = [
    "test_vit.r160_in1k", "test_vit3.r160_in1k", "test_resnet.r160_in1k", "test_convnext.r160_in1k",
    "test_efficientnet.r160_in1k", "test_nfnet.r160_in1k", "test_mambaout", "test_byobnet.r160_in1k",
]  # fmt: skip


LARGE_TIMM = ["resnet50_clip.openai", "swin_tiny_patch4_window7_224", "vit_small_patch14_reg4_dinov2"]


@pytest.mark.parametrize("model", [*TIMM, *(pytest.param(one, marks=pytest.mark.slow) for one in LARGE_TIMM)])
def test_timm(model: str) -> None:
    network = timm.create_model(model, pretrained=False).eval()
    initialise(network, model)
    side = network.pretrained_cfg["input_size"][1]
    batch = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        pooled, last = cut(f"timm/{model}", (side, side), network.state_dict())(batch)
        maps = network.forward_intermediates(batch, indices=1, norm=True, intermediates_only=True)
    expected = into(network.get_classifier(), network, batch)
    close(
        pooled, expected[:, : pooled.shape[1]]
    )  # CLIP's ResNet gives its classifier every place, the pooled one first
    assert pooled.shape == expected.shape or "clip" in model
    assert last is not None
    if model.startswith(("test_vit", "vit", "test_resnet", "swin")):
        close(last, maps[-1])
    if model.startswith(("test_resnet", "test_byobnet", "swin")):
        close(last.mean((2, 3)), pooled)


@pytest.mark.parametrize(
    ("model", "size", "grid"),
    [
        ("test_vit.r160_in1k", (64, 96), (4, 6)),
        pytest.param("vit_small_patch14_dinov2.lvd142m", (56, 70), (4, 5), marks=pytest.mark.slow),
    ],
)
def test_a_transformer_of_timm_at_another_size(model: str, size: tuple[int, int], grid: tuple[int, int]) -> None:
    """Against one made for that size, its position embedding resampled by timm as it loads a checkpoint."""
    network = timm.create_model(model, pretrained=False, num_classes=0).eval()
    initialise(network, model)
    other = timm.create_model(model, pretrained=False, num_classes=0, img_size=size).eval()
    other.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(network.state_dict(), other))
    batch = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        pooled, last = cut(f"timm/{model}", size, network.state_dict())(batch)
        close(pooled, other(batch))
    assert last is not None
    assert last.shape[2:] == grid


def test_faces_embedding() -> None:
    from facenet_pytorch import InceptionResnetV1

    network = InceptionResnetV1(classify=True, num_classes=10).eval()
    initialise(network, "facenet")
    batch = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        pooled, last = cut("inception_resnet_v1", (160, 160), network.state_dict())(batch)
    expected = into(network.get_submodule("logits"), network, batch)
    close(pooled, expected / expected.norm(dim=1, keepdim=True))
    assert last is not None
    assert last.shape == (2, 1792, 3, 3)


# the table


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


# checkpoints of one's own


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
    import safetensors.torch

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
