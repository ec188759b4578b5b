"""What is known of ``backbone``'s networks without building them: so a plan is made without torch.

Width, size and normalisation are the libraries' own; a test holds every row against the installed library. Any other
model of timm is looked up there, and its width is measured, which takes the seconds that torch and timm need to load.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import NamedTuple

from cache.errors import ConfigError, UnknownName, nearest

Size = tuple[int, int]
Colour = tuple[float, float, float]
FACENET = "inception_resnet_v1"
TIMM = "timm/"


class Input(NamedTuple):
    """Mean and standard deviation of R, G, B in units of 0..255; what a network was trained with."""

    mean: Colour
    std: Colour


IMAGENET = Input((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
HALF = Input((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
CLIP = Input((122.7709, 116.746, 104.0937), (68.5005, 66.6322, 70.3232))
FACENET_INPUT = Input((127.5, 127.5, 127.5), (128.0, 128.0, 128.0))


class Network(NamedTuple):
    """features: of the pooled vector. millions: of parameters, rounded down. size: its own, (h, w). patch: other sizes
    are multiples of it; 1 for any size, 0 when only the library knows.
    """

    features: int
    millions: int
    size: Size
    interpolation: str
    input: Input
    patch: int


_ROWS: tuple[tuple[str, int, int, int, str, Input, int], ...] = (
    ("alexnet", 4096, 57, 224, "bilinear", IMAGENET, 1),
    ("convnext_base", 1024, 87, 224, "bilinear", IMAGENET, 1),
    ("convnext_large", 1536, 196, 224, "bilinear", IMAGENET, 1),
    ("convnext_small", 768, 49, 224, "bilinear", IMAGENET, 1),
    ("convnext_tiny", 768, 27, 224, "bilinear", IMAGENET, 1),
    ("densenet121", 1024, 6, 224, "bilinear", IMAGENET, 1),
    ("densenet161", 2208, 26, 224, "bilinear", IMAGENET, 1),
    ("densenet169", 1664, 12, 224, "bilinear", IMAGENET, 1),
    ("densenet201", 1920, 18, 224, "bilinear", IMAGENET, 1),
    ("efficientnet_b0", 1280, 4, 224, "bicubic", IMAGENET, 1),
    ("efficientnet_b1", 1280, 6, 240, "bicubic", IMAGENET, 1),
    ("efficientnet_b2", 1408, 7, 288, "bicubic", IMAGENET, 1),
    ("efficientnet_b3", 1536, 10, 300, "bicubic", IMAGENET, 1),
    ("efficientnet_b4", 1792, 17, 380, "bicubic", IMAGENET, 1),
    ("efficientnet_b5", 2048, 28, 456, "bicubic", IMAGENET, 1),
    ("efficientnet_b6", 2304, 40, 528, "bicubic", IMAGENET, 1),
    ("efficientnet_b7", 2560, 63, 600, "bicubic", IMAGENET, 1),
    ("efficientnet_v2_l", 1280, 117, 480, "bicubic", HALF, 1),
    ("efficientnet_v2_m", 1280, 52, 480, "bilinear", IMAGENET, 1),
    ("efficientnet_v2_s", 1280, 20, 384, "bilinear", IMAGENET, 1),
    ("googlenet", 1024, 5, 224, "bilinear", IMAGENET, 1),
    ("inception_v3", 2048, 21, 299, "bilinear", IMAGENET, 1),
    ("maxvit_t", 512, 30, 224, "bicubic", IMAGENET, 224),
    ("mnasnet0_5", 1280, 0, 224, "bilinear", IMAGENET, 1),
    ("mnasnet0_75", 1280, 1, 224, "bilinear", IMAGENET, 1),
    ("mnasnet1_0", 1280, 3, 224, "bilinear", IMAGENET, 1),
    ("mnasnet1_3", 1280, 5, 224, "bilinear", IMAGENET, 1),
    ("mobilenet_v2", 1280, 2, 224, "bilinear", IMAGENET, 1),
    ("mobilenet_v3_large", 960, 2, 224, "bilinear", IMAGENET, 1),
    ("mobilenet_v3_small", 576, 0, 224, "bilinear", IMAGENET, 1),
    ("regnet_x_16gf", 2048, 52, 224, "bilinear", IMAGENET, 1),
    ("regnet_x_1_6gf", 912, 8, 224, "bilinear", IMAGENET, 1),
    ("regnet_x_32gf", 2520, 105, 224, "bilinear", IMAGENET, 1),
    ("regnet_x_3_2gf", 1008, 14, 224, "bilinear", IMAGENET, 1),
    ("regnet_x_400mf", 400, 5, 224, "bilinear", IMAGENET, 1),
    ("regnet_x_800mf", 672, 6, 224, "bilinear", IMAGENET, 1),
    ("regnet_x_8gf", 1920, 37, 224, "bilinear", IMAGENET, 1),
    ("regnet_y_128gf", 7392, 637, 384, "bicubic", IMAGENET, 1),
    ("regnet_y_16gf", 3024, 80, 224, "bilinear", IMAGENET, 1),
    ("regnet_y_1_6gf", 888, 10, 224, "bilinear", IMAGENET, 1),
    ("regnet_y_32gf", 3712, 141, 224, "bilinear", IMAGENET, 1),
    ("regnet_y_3_2gf", 1512, 17, 224, "bilinear", IMAGENET, 1),
    ("regnet_y_400mf", 440, 3, 224, "bilinear", IMAGENET, 1),
    ("regnet_y_800mf", 784, 5, 224, "bilinear", IMAGENET, 1),
    ("regnet_y_8gf", 2016, 37, 224, "bilinear", IMAGENET, 1),
    ("resnet101", 2048, 42, 224, "bilinear", IMAGENET, 1),
    ("resnet152", 2048, 58, 224, "bilinear", IMAGENET, 1),
    ("resnet18", 512, 11, 224, "bilinear", IMAGENET, 1),
    ("resnet34", 512, 21, 224, "bilinear", IMAGENET, 1),
    ("resnet50", 2048, 23, 224, "bilinear", IMAGENET, 1),
    ("resnext101_32x8d", 2048, 86, 224, "bilinear", IMAGENET, 1),
    ("resnext101_64x4d", 2048, 81, 224, "bilinear", IMAGENET, 1),
    ("resnext50_32x4d", 2048, 22, 224, "bilinear", IMAGENET, 1),
    ("shufflenet_v2_x0_5", 1024, 0, 224, "bilinear", IMAGENET, 1),
    ("shufflenet_v2_x1_0", 1024, 1, 224, "bilinear", IMAGENET, 1),
    ("shufflenet_v2_x1_5", 1024, 2, 224, "bilinear", IMAGENET, 1),
    ("shufflenet_v2_x2_0", 2048, 5, 224, "bilinear", IMAGENET, 1),
    ("squeezenet1_0", 512, 0, 224, "bilinear", IMAGENET, 1),
    ("squeezenet1_1", 512, 0, 224, "bilinear", IMAGENET, 1),
    ("swin_b", 1024, 86, 224, "bicubic", IMAGENET, 1),
    ("swin_s", 768, 48, 224, "bicubic", IMAGENET, 1),
    ("swin_t", 768, 27, 224, "bicubic", IMAGENET, 1),
    ("swin_v2_b", 1024, 86, 256, "bicubic", IMAGENET, 1),
    ("swin_v2_s", 768, 48, 256, "bicubic", IMAGENET, 1),
    ("swin_v2_t", 768, 27, 256, "bicubic", IMAGENET, 1),
    ("vgg11", 4096, 128, 224, "bilinear", IMAGENET, 1),
    ("vgg11_bn", 4096, 128, 224, "bilinear", IMAGENET, 1),
    ("vgg13", 4096, 128, 224, "bilinear", IMAGENET, 1),
    ("vgg13_bn", 4096, 128, 224, "bilinear", IMAGENET, 1),
    ("vgg16", 4096, 134, 224, "bilinear", IMAGENET, 1),
    ("vgg16_bn", 4096, 134, 224, "bilinear", IMAGENET, 1),
    ("vgg19", 4096, 139, 224, "bilinear", IMAGENET, 1),
    ("vgg19_bn", 4096, 139, 224, "bilinear", IMAGENET, 1),
    ("vit_b_16", 768, 85, 224, "bilinear", IMAGENET, 16),
    ("vit_b_32", 768, 87, 224, "bilinear", IMAGENET, 32),
    ("vit_h_14", 1280, 632, 518, "bicubic", IMAGENET, 14),
    ("vit_l_16", 1024, 303, 224, "bilinear", IMAGENET, 16),
    ("vit_l_32", 1024, 305, 224, "bilinear", IMAGENET, 32),
    ("wide_resnet101_2", 2048, 124, 224, "bilinear", IMAGENET, 1),
    ("wide_resnet50_2", 2048, 66, 224, "bilinear", IMAGENET, 1),
    ("timm/resnet18.a1_in1k", 512, 11, 224, "bicubic", IMAGENET, 1),
    ("timm/resnet50.a1_in1k", 2048, 23, 224, "bicubic", IMAGENET, 1),
    ("timm/convnext_tiny.fb_in22k_ft_in1k", 768, 27, 224, "bicubic", IMAGENET, 1),
    ("timm/vit_small_patch16_224.augreg_in21k_ft_in1k", 384, 21, 224, "bicubic", HALF, 16),
    ("timm/vit_base_patch16_224.augreg2_in21k_ft_in1k", 768, 85, 224, "bicubic", HALF, 16),
    ("timm/vit_small_patch14_dinov2.lvd142m", 384, 22, 518, "bicubic", IMAGENET, 14),
    ("timm/vit_base_patch14_dinov2.lvd142m", 768, 86, 518, "bicubic", IMAGENET, 14),
    ("timm/vit_large_patch14_dinov2.lvd142m", 1024, 304, 518, "bicubic", IMAGENET, 14),
    ("timm/vit_small_patch14_reg4_dinov2.lvd142m", 384, 22, 518, "bicubic", IMAGENET, 14),
    ("timm/vit_base_patch14_reg4_dinov2.lvd142m", 768, 86, 518, "bicubic", IMAGENET, 14),
    ("timm/vit_small_patch16_dinov3.lvd1689m", 384, 21, 256, "bicubic", IMAGENET, 16),
    ("timm/vit_base_patch16_dinov3.lvd1689m", 768, 85, 256, "bicubic", IMAGENET, 16),
    ("timm/vit_base_patch32_clip_224.openai", 768, 87, 224, "bicubic", CLIP, 32),
    ("timm/vit_base_patch16_clip_224.openai", 768, 85, 224, "bicubic", CLIP, 16),
    ("timm/vit_large_patch14_clip_224.openai", 1024, 303, 224, "bicubic", CLIP, 14),
    ("timm/vit_base_patch32_clip_quickgelu_224.openai", 768, 87, 224, "bicubic", CLIP, 32),
    ("timm/vit_base_patch16_clip_quickgelu_224.openai", 768, 85, 224, "bicubic", CLIP, 16),
    ("timm/vit_large_patch14_clip_quickgelu_224.openai", 1024, 303, 224, "bicubic", CLIP, 14),
    ("timm/vit_base_patch16_clip_224.laion2b", 768, 85, 224, "bicubic", CLIP, 16),
    ("timm/vit_base_patch16_siglip_224.webli", 768, 92, 224, "bicubic", HALF, 16),
    ("timm/resnet50_clip.openai", 2048, 36, 224, "bicubic", CLIP, 0),
    ("timm/resnet50_clip_gap.openai", 2048, 23, 224, "bicubic", CLIP, 1),
    ("timm/test_vit.r160_in1k", 64, 0, 160, "bicubic", HALF, 16),
    ("inception_resnet_v1", 512, 23, 160, "bilinear", FACENET_INPUT, 1),
)
NETWORKS = {
    name: Network(features, millions, (side, side), interpolation, colours, patch)
    for name, features, millions, side, interpolation, colours, patch in _ROWS
}
FIRST = (
    *("resnet18", "resnet34", "resnet50", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0"),
    *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"),
)
"""Those there were before there were more settings: see Config."""
_STRIDE_32 = ("resnet", "resnext", "wide_resnet", "regnet", "shufflenet", "mobilenet", "efficientnet")


def find(name: str) -> tuple[str, Network]:
    """The full name of a model (timm's get the tag of their weights) and what is known of it.

    Raises: UnknownName with the nearest, ConfigError.
    """
    if name in NETWORKS:
        return name, NETWORKS[name]
    if name.startswith(TIMM):
        from pipeline.stages._backbone_measure import of_timm

        return of_timm(name)
    near = get_close_matches(name, NETWORKS, n=4, cutoff=0.5)
    hint = nearest(name, near).partition(" Known:")[0]
    raise UnknownName(
        f"no backbone model {name!r}.{hint} Known: torchvision's classifiers, as in resnet18 or vit_b_16; {FACENET}; "
        f"{TIMM}<model>, as in timm/vit_small_patch14_dinov2.lvd142m."
    )


def check_size(model: str, network: Network, size: Size) -> None:
    """Raises: ConfigError when ``model`` takes no input of ``size``."""
    if size == network.size or network.patch == 1:
        return
    if not network.patch:
        from pipeline.stages._backbone_measure import measure

        measure(model, network.size, size, False)
    elif size[0] % network.patch or size[1] % network.patch:
        whole = f"its input is made of whole patches of {network.patch} x {network.patch}"
        raise ConfigError(f"backbone {model}: size {list(size)}, but {whole}; its own size is {list(network.size)}")
    elif model.startswith("vit_") and size[0] != size[1]:
        raise ConfigError(f"backbone {model}: size {list(size)}, but torchvision's ViTs take squares only")


def map_shape(model: str, network: Network, size: Size) -> tuple[int, ...]:
    """(c, h, w) of the last feature map for inputs of ``size``. Raises: ConfigError when the model has none."""
    if model.startswith(_STRIDE_32):
        return (network.features, -(-size[0] // 32), -(-size[1] // 32))
    if network.patch > 1 and "vit_" in model and not model.startswith("maxvit"):
        return (network.features, size[0] // network.patch, size[1] // network.patch)
    from pipeline.stages._backbone_measure import measure

    return measure(model, network.size, size, True).map


def batch_size(network: Network, size: Size) -> int:
    """Items in one call: fewer of what is large, so that their memory stays about the same."""
    items = 16 if network.millions < 50 else 8 if network.millions < 150 else 4
    return max(1, min(items, items * 320 * 320 // (size[0] * size[1])))
