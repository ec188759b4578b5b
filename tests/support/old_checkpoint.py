"""Writes a checkpoint as PyTorch 0.2 under Python 2 did: byte strings, tensors of a GPU, no batch counters."""

import io
import pickle
import struct
import types
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch


class _Python2Pickler(pickle._Pickler):  # type: ignore[name-defined, misc]
    """str as SHORT_BINSTRING; tensors by the first version of torch's function."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_str(self, text: str) -> None:
        data = text.encode()
        short = len(data) < 256
        self.write(
            pickle.SHORT_BINSTRING + bytes([len(data)]) if short else pickle.BINSTRING + struct.pack("<i", len(data))
        )
        self.write(data)
        self.memoize(text)

    dispatch[str] = save_str

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            storage = torch.storage.TypedStorage(
                wrap_storage=value.untyped_storage(), dtype=value.dtype, _internal=True
            )
            return torch._utils._rebuild_tensor, (storage, value.storage_offset(), tuple(value.shape), value.stride())
        return NotImplemented


def _dump(value: Any, file: io.BufferedIOBase, protocol: int) -> None:
    _Python2Pickler(file, protocol=protocol).dump(value)


def save(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """``tensors`` as the public training script saved them, with what it kept beside them."""
    state = OrderedDict((f"module.{name}", value) for name, value in tensors.items() if "num_batches" not in name)
    content = {
        "epoch": 88,
        "arch": "wideresnet18",
        "state_dict": state,
        "best_prec1": 54.73,
        "optimizer": {"param_groups": []},
    }
    module: Any = types.ModuleType("pickle2")
    module.Pickler, module.dump = _Python2Pickler, _dump
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda _: "cuda:0")
        torch.save(content, path, pickle_module=module, pickle_protocol=2, _use_new_zipfile_serialization=False)
