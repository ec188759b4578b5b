"""Checkpoints made here, whole and damaged, kind and hostile; and seeded networks in place of absent ones."""

import hashlib
import os
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from cache.errors import UnknownName, WeightsError
from pipeline.weights import catalogue
from pipeline.weights.catalogue import find
from pipeline.weights.checkpoints import INERT, initialise, read
from pipeline.weights.folder import Weights
from pipeline.weights.origins import Weight


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """WEIGHTS holds one entry, `tiny`, whose file belongs into the folder; its hash is not given."""
    entry = Weight("tiny", ("tiny.pth",), "https://example.org/tiny.pth", "", "MIT", "made here")
    monkeypatch.setattr(catalogue, "WEIGHTS", {"tiny": entry})
    return Weights(tmp_path)


def refusal(weights: Weights, into: nn.Module | None = None) -> str:
    with pytest.raises(WeightsError) as caught:
        weights.load_into("tiny", into or network(1))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_equal(one: nn.Module, other: nn.Module) -> None:
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("wrap", ["bare", "state_dict", "model", "module."])
@pytest.mark.parametrize("legacy", [False, True])
def test_torch_files_however_wrapped(known: Weights, wrap: str, legacy: bool) -> None:
    source, target = network(1), network(2)
    state = source.state_dict()
    content = {
        "bare": state,
        "state_dict": {"state_dict": state, "meta": {"epoch": 3, "CLASSES": ("wall", "sky")}},
        "model": {"model": state},
        "module.": OrderedDict((f"module.{key}", value) for key, value in state.items()),
    }[wrap]
    torch.save(content, known.folder / "tiny.pth", _use_new_zipfile_serialization=not legacy)
    known.load_into("tiny", target)
    assert_equal(source, target)


def test_safetensors(known: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.WEIGHTS, "tiny", Weight("tiny", ("tiny.safetensors",), "", "", "MIT", ""))
    source, target = network(1), network(2)
    save_file(source.state_dict(), known.folder / "tiny.safetensors")
    known.load_into("tiny", target)
    assert_equal(source, target)
    path = known.folder / "tiny.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    assert "damaged or ends early" in refusal(known)


def test_rename_and_leave_out(known: Weights) -> None:
    source, target = network(1), network(2)[:3]
    torch.save({f"net.{key}": value for key, value in source.state_dict().items()}, known.folder / "tiny.pth")
    known.load_into("tiny", target, lambda key: None if key.startswith("net.3.") else key.removeprefix("net."))
    assert_equal(source[:3], target)


def test_old_files_without_batch_counters(known: Weights) -> None:
    source, target = network(1), network(2)
    state = {key: value for key, value in source.state_dict().items() if "num_batches" not in key}
    torch.save(state, known.folder / "tiny.pth")
    known.load_into("tiny", target)
    assert_equal(source, target)


def test_a_training_log_beside_the_tensors_is_skipped(known: Weights) -> None:
    """mmengine pickles its log: a class of its own, numpy arrays and scalars. None of them is built."""
    from mmengine.logging import HistoryBuffer

    log = HistoryBuffer([0.5, 0.25], [1, 1])
    content = {"state_dict": network(1).state_dict(), "message_hub": {"loss": log, "best": np.float64(3)}}
    torch.save(content, known.folder / "tiny.pth")
    target = network(2)
    known.load_into("tiny", target)
    assert_equal(network(1), target)
    assert "mmengine.logging.history_buffer.HistoryBuffer" in INERT


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_would_run_code_is_refused(known: Weights, tmp_path: Path, legacy: bool) -> None:
    content = {"state_dict": network(1).state_dict(), "evil": Hostile(tmp_path / "ran")}
    torch.save(content, known.folder / "tiny.pth", _use_new_zipfile_serialization=not legacy)
    assert re.search(r"refused, reading it would run posix\.mkdir; only tensors are read", refusal(known))
    assert not (tmp_path / "ran").exists()


def test_the_inert_stand_ins_run_nothing(known: Weights, tmp_path: Path) -> None:
    class Through:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return getattr, (Hostile(tmp_path / "ran"), "path")

    torch.save({"state_dict": network(1).state_dict(), "evil": Through()}, known.folder / "tiny.pth")
    assert "posix.mkdir" in refusal(known)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_ends_early(known: Weights, legacy: bool) -> None:
    path = known.folder / "tiny.pth"
    torch.save(network(1).state_dict(), path, _use_new_zipfile_serialization=not legacy)
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert str(path) in refusal(known), length


def test_not_tensors(known: Weights) -> None:
    torch.save([1, 2], known.folder / "tiny.pth")
    assert "holds a list, not tensors by name" in refusal(known)
    torch.save({"epoch": 1}, known.folder / "tiny.pth")
    assert "holds no tensors, but epoch" in refusal(known)


def test_what_does_not_fit_is_named_with_both_shapes(known: Weights) -> None:
    state = network(1).state_dict()
    state["0.weight"] = torch.zeros(4, 3, 5, 5)
    state["9.bias"] = torch.zeros(7)
    del state["3.bias"]
    torch.save(state, known.folder / "tiny.pth")
    target = network(2)
    text = refusal(known, target)
    assert "0.weight is (4, 3, 5, 5) in the file, (4, 3, 3, 3) in the network" in text
    assert "3.bias (2,) is not in the file" in text
    assert "9.bias (7,) is not in the network" in text
    assert_equal(network(2), target)


def test_the_hash_in_the_name_is_checked(known: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    path = known.folder / "tiny.pth"
    torch.save(network(1).state_dict(), path)
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    for digits in (right[:8], right):
        monkeypatch.setitem(catalogue.WEIGHTS, "tiny", Weight("tiny", ("tiny.pth",), "u", digits, "MIT", ""))
        assert known.digest("tiny") == right
    wrong = Weight("tiny", ("tiny.pth",), "https://example.org/t", "00000000", "MIT", "")
    monkeypatch.setitem(catalogue.WEIGHTS, "tiny", wrong)
    assert f"sha256 begins with {right[:8]}, not 00000000" in refusal(known)
    torch.save(network(2).state_dict(), path)
    monkeypatch.setitem(catalogue.WEIGHTS, "tiny", Weight("tiny", ("tiny.pth",), "u", right[:8], "MIT", ""))
    assert "damaged or another file" in refusal(known)


def test_absent_is_one_line_with_the_cure(tmp_path: Path) -> None:
    weights = Weights(tmp_path / "w")
    assert not weights.trained("resnet18")
    with pytest.raises(WeightsError) as caught:
        weights.digest("resnet18")
    text = str(caught.value)
    for part in (
        "resnet18-f37072fd.pth is absent",
        "https://download.pytorch.org/models/",
        str(tmp_path / "w"),
        "UNTRAINED=1",
    ):
        assert part in text
    assert "\n" not in text
    with pytest.raises(UnknownName, match="Did you mean 'resnet18'"):
        weights.digest("resnet_18")


def test_untrained_uses_what_is_there(tmp_path: Path) -> None:
    weights = Weights(tmp_path, untrained=True)
    assert (weights.trained("resnet18"), weights.digest("resnet18")) == (False, "untrained")
    assert weights.trained("mtcnn")
    assert len(weights.digest("mtcnn")) == 64


def test_mtcnn_comes_from_its_package(tmp_path: Path) -> None:
    """Against facenet-pytorch's own loading."""
    from facenet_pytorch.models import mtcnn

    nets = {"pnet": mtcnn.PNet, "rnet": mtcnn.RNet, "onet": mtcnn.ONet}
    empty = nn.ModuleDict({name: net(False) for name, net in nets.items()})
    Weights(tmp_path).load_into("mtcnn", empty)
    assert_equal(empty, nn.ModuleDict({name: net(True) for name, net in nets.items()}))


SEEDED = """
import hashlib, torch
from torch import nn
from pipeline.weights.checkpoints import initialise
torch.manual_seed({seed})
network = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(64, 200))
{before}
initialise(network, "tiny")
digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in network.state_dict().values())).hexdigest()
"""


def test_seeded_values_are_the_same_in_every_process() -> None:
    code = SEEDED.format(seed=1, before="initialise(nn.Linear(9, 9), 'other')") + "print(digest)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here: dict[str, str] = {}
    exec(SEEDED.format(seed=2, before=""), here)
    assert done.stdout.strip() == here["digest"]


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_seeded_networks_neither_explode_nor_vanish(name: str) -> None:
    net = getattr(torchvision.models, name)(num_classes=10)
    initialise(net, name)
    rng = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        out = net.eval()(torch.randn(2, 3, 96, 96, generator=rng))
    assert 1e-3 < out.std() < 1e3
    assert not torch.allclose(out[0], out[1], rtol=1e-3)


def test_names_without_an_entry(tmp_path: Path) -> None:
    weights = Weights(tmp_path / "w")
    assert find("vgg16").url == find("vgg16.IMAGENET1K_V1").url
    assert find("torchvision/vgg16") == find("vgg16")
    timm = find("timm/resnet50.a1_in1k")
    assert timm.url == "https://huggingface.co/timm/resnet50.a1_in1k/resolve/main/model.safetensors"
    assert (timm.sha256, timm.licence) == ("", "see huggingface.co/timm/resnet50.a1_in1k")
    assert weights.paths("timm/resnet50.a1_in1k") == [tmp_path / "w" / "resnet50.a1_in1k.safetensors"]
    assert weights.paths("file:mine/best.pth") == [tmp_path / "w" / "mine" / "best.pth"]
    assert "put your own checkpoint there" in refusal_of(weights, "file:mine/best.pth")


def refusal_of(weights: Weights, name: str) -> str:
    with pytest.raises(WeightsError) as caught:
        weights.digest(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_of_ones_own_is_loaded_whatever_its_hash(tmp_path: Path) -> None:
    source, target = network(1), network(2)
    (tmp_path / "mine").mkdir()
    torch.save(source.state_dict(), path := tmp_path / "mine" / "best.pth")
    weights = Weights(tmp_path)
    weights.load_into("file:mine/best.pth", target)
    assert_equal(source, target)
    assert weights.digest("file:mine/best.pth") == hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name("best.pth.sha256").write_text("0" * 64)
    assert weights.trained("file:mine/best.pth")
    weights.digest("file:mine/best.pth")


def test_what_was_recorded_when_it_came_is_checked_from_then_on(tmp_path: Path) -> None:
    path, weights = tmp_path / "tiny.safetensors", Weights(tmp_path)
    path.write_bytes(b"as it came")
    right = hashlib.sha256(b"as it came").hexdigest()
    assert weights.digest("timm/tiny") == right, "fetched by hand: nothing is recorded"
    path.with_name("tiny.safetensors.sha256").write_text(f"{right}  tiny.safetensors\n")
    assert weights.digest("timm/tiny") == right
    path.write_bytes(b"as it became")
    assert f"not {right}" in (text := refusal_of(weights, "timm/tiny"))
    assert "Delete it and its .sha256" in text


def test_all_that_is_absent_is_told_at_once(tmp_path: Path) -> None:
    names = ["resnet18", "mtcnn", "timm/tiny", "file:own.pth", "demo_body"]
    with pytest.raises(WeightsError) as caught:
        Weights(tmp_path).demand(names, "make weights DATASET=emotic")
    assert str(caught.value) == (
        f"absent from {tmp_path}/: resnet18-f37072fd.pth, tiny.safetensors, own.pth. make weights DATASET=emotic "
        "fetches them (LIST=1 shows where from). own.pth is your own: put it there. UNTRAINED=1 goes on without"
    )
    with pytest.raises(
        WeightsError, match=r"fetches https://download\.pytorch\.org/models/resnet18-f37072fd\.pth\. UN"
    ):
        Weights(tmp_path).demand(["resnet18"], "make weights")
    Weights(tmp_path, untrained=True).demand(names, "")
    Weights(tmp_path).demand(["mtcnn"], "")


def test_what_is_read_is_on_the_cpu_and_owned(known: Weights) -> None:
    torch.save(network(1).state_dict(), known.folder / "tiny.pth")
    assert {tensor.device.type for tensor in read(known.folder / "tiny.pth").tensors.values()} == {"cpu"}
