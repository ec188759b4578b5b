"""Networks without their classifiers against the same networks whole: what reaches the last linear layer."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import timm
import torch
import torchvision
from backbones import close, cut, into, whole
from one_thread import one_thread as one_thread
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from pipeline.stages import _backbone_table as table
from pipeline.stages._backbone_lookup import map_shape
from pipeline.stages._backbone_networks import build
from pipeline.weights.checkpoints import initialise

WHOLE = {
    "resnet18": 64, "densenet121": 64, "efficientnet_b0": 64, "mnasnet0_5": 64,
    "mobilenet_v2": 64, "mobilenet_v3_small": 64, "regnet_x_400mf": 64, "shufflenet_v2_x0_5": 64,
    "squeezenet1_1": 64, "googlenet": 64, "inception_v3": 96,
}  # fmt: skip
LARGE = {
    "alexnet": 64, "vgg11": 64, "maxvit_t": 224, "vit_b_32": 224, "wide_resnet50_2": 64, "resnext50_32x4d": 64,
    "swin_t": 64, "swin_v2_t": 64, "convnext_tiny": 64,
}  # fmt: skip


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
    assert last.shape[1:] == map_shape(model, table.NETWORKS[model], (side, side))
    if not model.startswith(("vit", "vgg", "alexnet", "convnext", "maxvit")):  # those do more than pool it
        close(last.mean((2, 3)), expected)


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


def test_several_threads_share_a_network() -> None:
    """The runner runs batches side by side on a CPU; each gets its own map."""
    backbone = build("resnet18", (224, 224), (32, 32), True).eval()
    batches = torch.randn(16, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))

    def run(batch: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            pooled, last = backbone(batch)
        assert last is not None
        return pooled, last

    with ThreadPoolExecutor(8) as threads:
        for batch, (pooled, last) in zip(batches, threads.map(run, batches), strict=True):
            close(pooled, run(batch)[0])
            close(last.mean((2, 3)), pooled)
