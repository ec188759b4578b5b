"""What is known of ``backbone``'s networks without building them: so a plan is made without torch.

Width, size and normalisation are the libraries' own; a test holds every row against the installed library.
"""

from __future__ import annotations

from typing import NamedTuple

Size = tuple[int, int]
Colour = tuple[float, float, float]
FACENET = "inception_resnet_v1"
LITE0 = "package/efficientnet_lite0"
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
    (LITE0, 1280, 3, 224, "bicubic", HALF, 1),
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
