"""A network's last block trained from the weights beside its feature, from a store to a checkpoint."""

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save
from toy_features import make_store

from cache.blocks import block_file
from cache.manifest import Row
from heads.cli import main

WORDS = ("Anger", "Fear")
BLOCK = "layer4"


def stored(root: Path) -> Path:
    """A store of 12 people with maps. Returns the feature's folder."""
    counts = {"train": 4, "val": 1, "test": 1}
    words = [(word, split) for word in WORDS for split, count in counts.items() for _ in range(count)]
    box = (1.0, 1.0, 50.0, 60.0)
    rows = [
        Row(f"{number}.jpg", 0, split, box=box, original_box=box, size=(64, 64), categories=(word,))
        for number, (word, split) in enumerate(words)
    ]
    return make_store(root / "store", rows, "table", features=["cut"]).features("table")["cut"].folder


def train(root: Path, *words: str) -> int:
    places = ["--store", str(root / "store"), "--runs", str(root / "runs"), "--name", "run", "--dataset", "table"]
    course = ["--protocol", "single-label", "--seeds", "2", "--threads", "2"]
    settings = ["streams=C", "context=cut", "tailed=C", "tail=layer4", "epochs=1", "batch=8", *words]
    return main(["train", *places, *course, "--head", "fusion", "--set", " ".join(settings)])


def put(folder: Path, block: torch.nn.Module) -> None:
    made = save(block.state_dict())
    (folder / block_file(BLOCK, made)).write_bytes(made)


def test_every_seed_starts_from_the_network_s_own_block(tmp_path: Path) -> None:
    block = torchvision.models.resnet18().layer4
    put(stored(tmp_path), block)
    assert train(tmp_path, "lr=1e-6") == 0
    (file,) = (tmp_path / "runs").rglob("fusion.safetensors")
    kept = load_file(file)
    for name, parameter in block.named_parameters():
        (found,) = (x for key, x in kept.items() if key.endswith(f"tails.0.blocks.{name}"))
        torch.testing.assert_close(found, parameter.expand(2, *parameter.shape), rtol=0, atol=1e-4)
        assert "bn" in name or (found != parameter).flatten(1).any(1).all(), f"{name} was trained"


def test_a_block_that_is_absent_damaged_or_another_network_s_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = stored(tmp_path)
    assert train(tmp_path) == 2
    told = capsys.readouterr().err
    assert "holds 0 files of the weights of layer4, one is wanted; make extract writes it again" in told
    wrong = folder / f"{BLOCK}.{'0' * 32}.safetensors"
    wrong.write_bytes(b"nothing")
    assert train(tmp_path) == 2
    assert f"{wrong.name}: is not what its name promises; make extract writes it again" in capsys.readouterr().err
    wrong.unlink()
    put(folder, torchvision.models.resnet34().layer4)
    assert train(tmp_path) == 2
    told = capsys.readouterr().err
    assert "cut/layer3: the weights are those of another block: 2.bn1.bias; heads build ResNet-18's, -50's" in told
    assert told.endswith("and -34's with tail_network=resnet34\n")
    assert train(tmp_path, "tail_network=resnet34") == 0
