"""Networks that Keras 2 wrote as HDF5: their layers and their tensors, without Keras.

Such a file is somebody else's. Only plain float32 arrays that lie whole in the file itself are read: no link to another
place or file, no virtual, external, compressed or unwritten storage, so never more than the file has bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cache.errors import WeightsError

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

SUFFIXES = (".hdf5", ".h5")
LARGEST = 1 << 30
"""Bytes of a file; networks of that kind are small."""
_DEEPEST = 4
_MOST = 4096
"""Arrays and groups of one file."""
_TENSORS = "model_weights"
_LAYERS = "model_config"
_BROKEN = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, IndexError)
"""What reading a file raises that is none, is cut short or holds other things than Keras writes."""


class Layer(NamedTuple):
    """name, kind: Keras' own. inputs: names of the layers that it reads. settings: those that shape its values."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    settings: Mapping[str, object]


def read_arrays(path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors by ``<layer>/<part>``, as in ``conv2d_1/kernel``. Raises: WeightsError in one line."""
    found: dict[str, NDArray[np.float32]] = {}
    with _opened(path) as file:
        for parts, dataset in _datasets(file, (_TENSORS,), path):
            key = f"{parts[1]}/{parts[-1].removesuffix(':0')}"
            if key in found:
                raise _refused(path, "/".join(parts), f"a second {key}")
            found[key] = _array(dataset, "/".join(parts), path)
    if not found:
        raise WeightsError(f"{path}: holds no tensors below {_TENSORS}")
    return found


def read_layers(path: Path) -> list[Layer]:
    """The layers as Keras' own description has them, every setting of each. Raises: WeightsError in one line."""
    with _opened(path) as file:
        return [_layer(told) for told in json.loads(file.attrs[_LAYERS])["config"]["layers"]]


def difference(found: Sequence[Layer], wanted: Sequence[Layer]) -> str:
    """The first layer of ``wanted`` that is not so in ``found``, or is too much there, in words; "" when none is.

    Settings that ``wanted`` does not name may be any.
    """
    ours, theirs = {layer.name: layer for layer in wanted}, {layer.name: layer for layer in found}
    for name in [*ours, *theirs]:
        if name not in theirs or name not in ours:
            return f"{name} is {'absent' if name in ours else 'one layer more'}"
        here, there = ours[name], theirs[name]
        told = {key: there.settings.get(key) for key in here.settings}
        for what, one, other in (
            ("is", there.kind, here.kind),
            ("reads", there.inputs, here.inputs),
            *((f"has {key}", told[key], here.settings[key]) for key in here.settings),
        ):
            if one != other:
                return f"{name} {what} {one}, not {other}"
    return ""


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Raises: WeightsError, also for what reading raises inside."""
    import h5py

    try:
        if (size := path.stat().st_size) > LARGEST:
            raise WeightsError(f"{path}: {size} bytes are more than the {LARGEST} that a Keras file may have")
        with h5py.File(path, "r") as file:
            yield file
    except WeightsError:
        raise
    except _BROKEN as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(f"{path}: damaged, or no network that Keras wrote ({text[:160]})") from None


def _datasets(file: h5py.File, start: tuple[str, ...], path: Path) -> Iterator[tuple[tuple[str, ...], h5py.Dataset]]:
    """Every array below ``start``, with the names that lead to it. Raises: WeightsError, KeyError."""
    import h5py

    seen, left = 0, [start]
    while left:
        parts = left.pop()
        where, seen = "/".join(parts), seen + 1
        if seen > _MOST or len(parts) > _DEEPEST:
            raise _refused(path, where, f"more than {_MOST} parts or {_DEEPEST} levels")
        group = file["/".join(parts[:-1])] if parts[:-1] else file
        if not isinstance(group.get(parts[-1], getlink=True, default=h5py.HardLink()), h5py.HardLink):
            raise _refused(path, where, "a link to another place")
        if isinstance(item := group[parts[-1]], h5py.Group):
            left += [(*parts, name) for name in item]
        elif isinstance(item, h5py.Dataset) and len(parts) > 2:
            yield parts, item
        else:
            raise _refused(path, where, "neither a group nor an array of a layer")


def _array(dataset: h5py.Dataset, where: str, path: Path) -> NDArray[np.float32]:
    """Raises: WeightsError for all but float32 values that lie in the file."""
    stored, shape = dataset.id.get_create_plist(), dataset.shape
    if dataset.dtype != np.dtype("<f4") or shape is None:
        raise _refused(path, where, f"{dataset.dtype} of shape {shape}, not float32")
    if dataset.is_virtual or stored.get_external_count() or stored.get_nfilters() or dataset.chunks:
        raise _refused(path, where, "stored elsewhere or in pieces")
    if (there := dataset.id.get_storage_size()) != 4 * math.prod(map(int, shape)):
        raise _refused(path, where, f"{there} bytes for shape {shape}")
    values: NDArray[np.float32] = dataset[()]
    return np.asarray(values, np.float32)


def _refused(path: Path, where: str, what: str) -> WeightsError:
    return WeightsError(f"{path}: {where} is {what}: only plain arrays of the file itself are read")


def _layer(told: Any) -> Layer:
    inputs = tuple(str(source[0]) for node in told["inbound_nodes"] for source in node)
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in told["config"].items()}
    return Layer(str(told["name"]), str(told["class_name"]), inputs, settings)
