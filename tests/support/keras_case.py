"""fer's network as the package has it: a file of the same form with values drawn here, and its forward in numpy."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FORMAT = {"data_format": "channels_last"}
LINEAR = {"activation": "linear", "dilation_rate": [1, 1], "use_bias": False, **FORMAT}


def layers() -> list[dict[str, Any]]:
    """Keras' own description, written down from a print of the package's file."""
    return [_told(*layer) for layer in _walk()]


def _walk() -> Iterator[tuple[str, str, list[str], dict[str, Any]]]:
    yield "input_1", "InputLayer", [], {"batch_input_shape": [None, 64, 64, 1], "sparse": False}
    source = "input_1"
    for n in ("1", "2"):
        valid = {"filters": 8, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"}
        yield f"conv2d_{n}", "Conv2D", [source], LINEAR | valid
        yield from _normalised(n, f"conv2d_{n}")
        yield f"activation_{n}", "Activation", [f"batch_normalization_{n}"], {"activation": "relu"}
        source = f"activation_{n}"
    for add, shortcut, act, width, first, second, norms in (
        ("add_1", "3", "3", 16, "1", "2", ("3", "4", "5")),
        ("add_2", "4", "4", 32, "3", "4", ("6", "7", "8")),
        ("add_3", "5", "5", 64, "5", "6", ("9", "10", "11")),
        ("add_4", "6", "6", 128, "7", "8", ("12", "13", "14")),
    ):
        deep = {"filters": width, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "depth_multiplier": 1}
        yield f"separable_conv2d_{first}", "SeparableConv2D", [source], LINEAR | deep
        yield from _normalised(norms[1], f"separable_conv2d_{first}")
        yield f"activation_{act}", "Activation", [f"batch_normalization_{norms[1]}"], {"activation": "relu"}
        yield f"separable_conv2d_{second}", "SeparableConv2D", [f"activation_{act}"], LINEAR | deep
        yield from _normalised(norms[2], f"separable_conv2d_{second}")
        flat = {"filters": width, "kernel_size": [1, 1], "strides": [2, 2], "padding": "same"}
        yield f"conv2d_{shortcut}", "Conv2D", [source], LINEAR | flat
        pool, window = f"max_pooling2d_{add[-1]}", {"pool_size": [3, 3], "strides": [2, 2], "padding": "same"}
        yield pool, "MaxPooling2D", [f"batch_normalization_{norms[2]}"], window | FORMAT
        yield from _normalised(norms[0], f"conv2d_{shortcut}")
        yield add, "Add", [pool, f"batch_normalization_{norms[0]}"], {}
        source = add
    last = {"filters": 7, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "use_bias": True}
    yield "conv2d_7", "Conv2D", ["add_4"], LINEAR | last
    yield "global_average_pooling2d_1", "GlobalAveragePooling2D", ["conv2d_7"], FORMAT
    yield "predictions", "Activation", ["global_average_pooling2d_1"], {"activation": "softmax"}


def _normalised(number: str, source: str) -> Iterator[tuple[str, str, list[str], dict[str, Any]]]:
    config = {"axis": -1, "epsilon": 0.001, "center": True, "scale": True, "momentum": 0.99}
    yield f"batch_normalization_{number}", "BatchNormalization", [source], config


def _told(name: str, kind: str, sources: list[str], config: dict[str, Any]) -> dict[str, Any]:
    nodes = [[[source, 0, 0, {}] for source in sources]] if sources else []
    return {"name": name, "class_name": kind, "config": {"name": name} | config, "inbound_nodes": nodes}


def values(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """``<layer>/<part>`` -> drawn so that every layer's output has about the size of its input."""
    rng, found, channels = np.random.default_rng(seed), dict[str, NDArray[np.float32]](), {"input_1": 1}
    for layer in layers():
        name, config = layer["name"], layer["config"]
        sources = [source[0] for node in layer["inbound_nodes"] for source in node]
        width = channels[name] = config.get("filters", channels[sources[0]] if sources else 1)
        parts: dict[str, Any] = {}
        if layer["class_name"] == "Conv2D":
            fan = channels[sources[0]] * config["kernel_size"][0] ** 2
            shape = (*config["kernel_size"], channels[sources[0]], width)
            parts = {"kernel": rng.normal(0, fan**-0.5, shape)}
            parts |= {"bias": rng.normal(0, 0.3, width)} if config["use_bias"] else {}
        elif layer["class_name"] == "SeparableConv2D":
            deep = channels[sources[0]]
            parts = {"depthwise_kernel": rng.normal(0, 0.4, (3, 3, deep, 1))}
            parts |= {"pointwise_kernel": rng.normal(0, deep**-0.5, (1, 1, deep, width))}
        elif layer["class_name"] == "BatchNormalization":
            parts = {"gamma": rng.uniform(0.8, 1.5, width), "beta": rng.normal(0, 0.3, width)}
            parts |= {"moving_mean": rng.normal(0, 0.2, width), "moving_variance": rng.uniform(0.001, 1, width)}
        found |= {f"{name}/{part}": np.asarray(array, np.float32) for part, array in parts.items()}
    return found


def write(path: Path, told: list[dict[str, Any]] | None = None, seed: int = 0) -> Path:
    """As Keras 2.0.5 lays a file out, with the optimiser's state beside the tensors."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.0.5"
        described = {"class_name": "Model", "config": {"name": "model_1", "layers": told or layers()}}
        file.attrs["model_config"] = json.dumps(described).encode()
        for layer in layers():
            file.create_group(f"model_weights/{layer['name']}")
        for name, array in values(seed).items():
            layer_name, _, part = name.partition("/")
            file[f"model_weights/{layer_name}/{layer_name}_1/{part}:0"] = array
        file["optimizer_weights/Adam/iterations:0"] = 7
    return path


def forward(path: Path, grey: NDArray[np.uint8]) -> dict[str, Array]:
    """What every layer of the file gives for an image (64, 64) of 0..255, scaled as fer does; plain numpy, float64."""
    found: dict[str, Array] = {"input_1": (grey[..., None] / 255.0 - 0.5) * 2}
    with h5py.File(path) as file:
        for layer in json.loads(file.attrs["model_config"])["config"]["layers"][1:]:
            name, config = layer["name"], layer["config"]
            parts = {part[:-2]: array[()].astype(float) for part, array in _parts(file["model_weights"], name).items()}
            sources = [found[source[0]] for node in layer["inbound_nodes"] for source in node]
            found[name] = LAYERS[layer["class_name"]](config, parts, *sources)
    return found


def _parts(group: Any, name: str) -> dict[str, Any]:
    return dict(group[name][f"{name}_1"]) if len(group[name]) else {}


def _windows(maps: Array, config: dict[str, Any], side: int, beyond: float) -> Array:
    """(h', w', c, side, side), padded as TensorFlow's "same" says."""
    step = config["strides"][0]
    if config["padding"] == "same":
        totals = [max((-(-length // step) - 1) * step + side - length, 0) for length in maps.shape[:2]]
        edges = [(total // 2, total - total // 2) for total in totals]
        maps = np.pad(maps, [*edges, (0, 0)], constant_values=beyond)
    return np.lib.stride_tricks.sliding_window_view(maps, (side, side), (0, 1))[::step, ::step]


def _convolved(config: dict[str, Any], parts: dict[str, Array], maps: Array) -> Array:
    windows = _windows(maps, config, config["kernel_size"][0], 0)
    return np.einsum("hwcij,ijco->hwo", windows, parts["kernel"]) + parts.get("bias", 0)


def _separably(config: dict[str, Any], parts: dict[str, Array], maps: Array) -> Array:
    deep = np.einsum("hwcij,ijc->hwc", _windows(maps, config, 3, 0), parts["depthwise_kernel"][..., 0])
    return np.asarray(deep @ parts["pointwise_kernel"][0, 0])


def _normal(config: dict[str, Any], parts: dict[str, Array], maps: Array) -> Array:
    deviation = np.sqrt(parts["moving_variance"] + config["epsilon"])
    return (maps - parts["moving_mean"]) / deviation * parts["gamma"] + parts["beta"]


def _active(config: dict[str, Any], _: dict[str, Array], maps: Array) -> Array:
    if config["activation"] == "relu":
        return np.maximum(maps, 0)
    powers = np.exp(maps - maps.max())
    return np.asarray(powers / powers.sum())


LAYERS: dict[str, Any] = {
    "Conv2D": _convolved,
    "SeparableConv2D": _separably,
    "BatchNormalization": _normal,
    "Activation": _active,
    "MaxPooling2D": lambda config, _, maps: _windows(maps, config, config["pool_size"][0], -np.inf).max((3, 4)),
    "Add": lambda _config, _parts, one, other: one + other,
    "GlobalAveragePooling2D": lambda _config, _parts, maps: maps.mean((0, 1)),
}
