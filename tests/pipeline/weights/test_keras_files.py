"""Keras files by others: only plain arrays of the file itself are read; all else is one line."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras_case
import numpy as np
import pytest

from cache.errors import WeightsError
from pipeline.weights import keras_files
from pipeline.weights.checkpoints import read
from pipeline.weights.keras_files import Layer, difference, read_arrays, read_layers

KERNEL = "model_weights/conv2d_1/conv2d_1_1/kernel:0"
PLACE = KERNEL.rpartition("/")[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return keras_case.write(tmp_path / "net.hdf5")


def test_every_tensor_is_read_and_the_optimisers_state_is_not(path: Path) -> None:
    drawn, found = keras_case.values(), read(path).tensors
    assert found.keys() == drawn.keys()
    for name, array in drawn.items():
        np.testing.assert_array_equal(found[name].numpy(), array)


def test_layers_are_told_with_their_settings(path: Path) -> None:
    layers = {layer.name: layer for layer in read_layers(path)}
    assert layers["add_2"].inputs == ("max_pooling2d_2", "batch_normalization_6")
    assert (layers["conv2d_4"].kind, layers["conv2d_4"].settings["strides"]) == ("Conv2D", (2, 2))


def test_settings_that_are_not_asked_for_may_be_any() -> None:
    found = [Layer("a", "Add", (), {"x": 1, "y": 2})]
    assert difference(found, [Layer("a", "Add", (), {"x": 1})]) == ""
    assert difference(found, [Layer("a", "Add", (), {"z": 1})]) == "a has z None, not 1"


def _external_link(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["kernel"] = np.ones((3, 3, 1, 8), np.float32)
    file[KERNEL] = h5py.ExternalLink(str(folder / "other.h5"), "/kernel")


def _soft_link(file: h5py.File, _: Path) -> None:
    file[KERNEL] = h5py.SoftLink("/model_weights/conv2d_2/conv2d_2_1/kernel:0")


def _external_storage(file: h5py.File, folder: Path) -> None:
    (folder / "secret").write_bytes(bytes(288))
    file.create_dataset(KERNEL, (3, 3, 1, 8), np.float32, external=[(str(folder / "secret"), 0, 288)])


def _virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((3, 3, 1, 8), np.float32)
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "kernel", (3, 3, 1, 8))
    file.create_virtual_dataset(KERNEL, layout)


def _compressed(file: h5py.File, _: Path) -> None:
    file.create_dataset(KERNEL, (1 << 15, 1 << 15), np.float32, compression="gzip")


def _unwritten(file: h5py.File, _: Path) -> None:
    file.create_dataset(KERNEL, (1 << 20, 1 << 20), np.float32)


def _doubles(file: h5py.File, _: Path) -> None:
    file[KERNEL] = np.ones((3, 3, 1, 8))


def _strings(file: h5py.File, _: Path) -> None:
    file[KERNEL] = ["a", "b"]


def _nothing(file: h5py.File, _: Path) -> None:
    file[KERNEL] = h5py.Empty("f4")


def _a_circle(file: h5py.File, _: Path) -> None:
    file[PLACE]["again"] = file["model_weights"]


def _twice(file: h5py.File, _: Path) -> None:
    file["model_weights/conv2d_1/other/bias:0"] = np.ones(8, np.float32)
    file["model_weights/conv2d_1/conv2d_1_1/bias:0"] = np.ones(8, np.float32)


def _too_high(file: h5py.File, _: Path) -> None:
    file["model_weights/bias:0"] = np.ones(8, np.float32)


def _a_type(file: h5py.File, _: Path) -> None:
    file[KERNEL] = np.dtype("f4")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_external_link, f"{KERNEL} is a link to another place"),
        (_soft_link, f"{KERNEL} is a link to another place"),
        (_external_storage, f"{KERNEL} is stored elsewhere or in pieces"),
        (_virtual, f"{KERNEL} is stored elsewhere or in pieces"),
        (_compressed, f"{KERNEL} is stored elsewhere or in pieces"),
        (_unwritten, f"{KERNEL} is 0 bytes for shape (1048576, 1048576)"),
        (_doubles, f"{KERNEL} is float64 of shape (3, 3, 1, 8), not float32"),
        (_strings, f"{KERNEL} is object of shape (2,), not float32"),
        (_nothing, f"{KERNEL} is float32 of shape None, not float32"),
        (_a_circle, " is more than 4096 parts or 4 levels: only plain arrays"),
        (_twice, "a second conv2d_1/bias"),
        (_too_high, "model_weights/bias:0 is neither a group nor an array of a layer"),
        (_a_type, f"{KERNEL} is neither a group nor an array of a layer"),
    ],
)
def test_what_is_no_plain_array_is_refused(
    path: Path, spoil: Callable[[h5py.File, Path], None], words: str, tmp_path: Path
) -> None:
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        spoil(file, tmp_path)
    with pytest.raises(WeightsError) as refused:
        read_arrays(path)
    assert words in str(refused.value)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _no_hdf5(path: Path) -> None:
    path.write_bytes(b"<html>" * 99)


def _no_groups(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["tensor"] = 1


@pytest.mark.parametrize("damage", [_cut, _no_hdf5, _no_groups, Path.unlink])
@pytest.mark.parametrize("read", [read_arrays, read_layers])
def test_a_damaged_file_is_one_line(path: Path, damage: Callable[[Path], None], read: Callable[[Path], Any]) -> None:
    damage(path)
    with pytest.raises(WeightsError, match=rf"^{path}: damaged, or no network that Keras wrote \([^\n]*\)$"):
        read(path)


@pytest.mark.parametrize("told", ["{", "[]", '{"config": {"layers": [{}]}}', "[" * 100_000, 7])
def test_a_description_that_is_none(path: Path, told: Any) -> None:
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["model_config"] = told
    with pytest.raises(WeightsError, match=rf"^{path}: damaged, or no network that Keras wrote \([^\n]*\)$"):
        read_layers(path)


def test_tensors_that_are_not_there(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["model_weights"]
        file.create_group("model_weights/conv2d_1")
    with pytest.raises(WeightsError, match=rf"^{path}: holds no tensors below model_weights$"):
        read_arrays(path)


def test_a_file_of_a_size_that_no_such_network_has(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_files, "LARGEST", 1000)
    with pytest.raises(WeightsError, match=r"bytes are more than the 1000 that a Keras file may have"):
        read_arrays(path)
