"""Tensors out of checkpoint files and into networks, without unpickling; and networks filled from a seed instead."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cache.errors import WeightsError
from pipeline.weights import keras_files
from pipeline.weights.colours import configuration

if TYPE_CHECKING:
    from torch import Tensor, nn

# What mmengine keeps beside the tensors (its training log, as arrays). None of it is needed, so each name is bound to
# an inert stand-in: the file can be read, and nothing it names is called.
INERT = (
    "mmengine.logging.history_buffer.HistoryBuffer",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.ndarray",
    "numpy.dtype",
    "builtins.getattr",
)
WRAPPERS = ("state_dict", "model", "state_dict_ema", "model_ema", "ema_state_dict")
"""Under which names projects keep the tensors. A moving average of them is taken where there is nothing else: mmengine
has exchanged the two by then, so its ``state_dict`` is the average."""
AVERAGED = ("n_averaged", "steps")
"""torch's and mmengine's count of the steps that an average is made of."""
RESIDUAL_GAIN = 0.5
"""Of the last normalisation of a residual block, so that the sum over many blocks does not grow without bound."""


class _Inert:
    """Takes any arguments and any state, keeps nothing."""

    def __new__(cls, *_: object, **__: object) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


class Checkpoint(NamedTuple):
    """tensors: on the CPU, by name. configuration: the text that OpenMMLab keeps beside them, "" without."""

    tensors: dict[str, Tensor]
    configuration: str


def read(path: Path) -> Checkpoint:
    """What a ``.safetensors``, a Keras or a torch file holds.

    What WRAPPERS name is unwrapped, the first of them that is there, and a leading ``module.`` stripped.
    Raises: WeightsError, one line: the file ends early, would run code when unpickled, or holds no tensors.
    """
    loaded = held = _loaded(path)
    for wrapper in WRAPPERS:
        if isinstance(held, Mapping) and isinstance(held.get(wrapper), Mapping):
            held = held[wrapper]
    if not isinstance(held, Mapping):
        raise WeightsError(f"{path}: holds a {type(held).__name__}, not tensors by name")
    tensors = {str(key): value for key, value in held.items() if hasattr(value, "dtype")}
    if not tensors:
        raise WeightsError(f"{path}: holds no tensors, but {', '.join(map(str, list(held)[:5])) or 'nothing'}")
    return Checkpoint(_unwrapped(tensors), configuration(loaded))


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names without ``module.``; how often a mean was taken, which stands beside such names, is no tensor of it."""
    if any(key.startswith("module.") for key in tensors):
        tensors = {key: value for key, value in tensors.items() if key not in AVERAGED}
    return {key.removeprefix("module."): value for key, value in tensors.items()}


def _loaded(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return _safetensors(path)
    return _keras(path) if path.suffix in keras_files.SUFFIXES else _torch(path)


def _keras(path: Path) -> Any:
    import torch

    return {name: torch.from_numpy(array) for name, array in keras_files.read_arrays(path).items()}


def _safetensors(path: Path) -> Any:
    import safetensors.torch

    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise _damaged(path, error) from None


def _torch(path: Path) -> Any:
    import pickle

    import torch

    try:
        with torch.serialization.safe_globals([(_Inert, name) for name in INERT]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"(?:GLOBAL|instantiate) (?:class )?<?([\w.]+)", str(error))
        if named is None:
            raise _damaged(path, error) from None
        raise WeightsError(f"{path}: refused, reading it would run {named[1]}; only tensors are read") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> WeightsError:
    text = " ".join(str(error).split()) or type(error).__name__
    return WeightsError(f"{path}: damaged or ends early ({text[:160]}); fetch it again")


def fill(network: nn.Module, tensors: Mapping[str, Tensor], where: str, cure: str = "") -> None:
    """Copy ``tensors`` into ``network``: every tensor of each is in the other, with the same shape.

    A batch counter (``num_batches_tracked``), absent from old files, may be missing. cure: what to do where not.
    Raises: WeightsError naming the first tensors that disagree, with both shapes.
    """
    wanted = network.state_dict()
    faults = list(_faults(wanted, tensors))
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise WeightsError(f"{where} does not fit its network: {'; '.join(faults[:3])}{more}{cure and f'. {cure}'}")
    wanted.update(tensors)  # and not a new dict: it carries the versions of the network's parts, which some ask for
    network.load_state_dict(wanted)


def _faults(wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    for name, tensor in wanted.items():
        if name in tensors and tensors[name].shape != tensor.shape:
            yield f"{name} is {tuple(tensors[name].shape)} in the file, {tuple(tensor.shape)} in the network"
        elif name not in tensors and not name.endswith("num_batches_tracked"):
            yield f"{name} {tuple(tensor.shape)} is not in the file"
    for name in tensors:
        if name not in wanted:
            yield f"{name} {tuple(tensors[name].shape)} is not in the network"


def initialise(network: nn.Module, seed: str) -> None:
    """Fill ``network`` from ``seed``: the same values in every process, on every machine, in any order of calls.

    Convolutions and linear layers: normal, variance 2 / fan-in, biases 0; normalisation: identity, the last of a
    residual block RESIDUAL_GAIN; other parameters: 1 when vectors, else normal with variance 1 / (last dimension).
    Source: He et al. 2015, eq. 10.
    """
    from torch import nn

    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))
    ends = {id(module) for block in network.modules() if (module := _residual_end(block)) is not None}
    for module in network.modules():
        gain = RESIDUAL_GAIN if id(module) in ends else 1.0
        dense = isinstance(module, nn.Conv2d | nn.Linear)
        if isinstance(module, nn.modules.batchnorm._NormBase):
            module.reset_running_stats()
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias":
                nn.init.zeros_(parameter)
            elif parameter.dim() < 2:
                nn.init.constant_(parameter, gain)
            else:
                fan = parameter[0].numel() if dense else parameter.shape[-1]
                _normal(parameter, rng, math.sqrt((2 if dense else 1) / fan))


def _residual_end(block: nn.Module) -> nn.Module | None:
    """The last normalisation of a ResNet or HRNet block, which adds its result to its input."""
    if type(block).__name__ not in ("BasicBlock", "Bottleneck"):
        return None
    return getattr(block, "bn3", None) or getattr(block, "bn2", None)


def _normal(parameter: Tensor, rng: np.random.Generator, deviation: float) -> None:
    """Drawn by numpy, whose stream does not depend on the processor's vector units as torch's does."""
    import torch

    values = rng.standard_normal(tuple(parameter.shape), dtype=np.float32) * np.float32(deviation)
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(values))
