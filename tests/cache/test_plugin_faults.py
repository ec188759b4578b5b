"""A fault in a plug-in's own code is one line with its file, and everybody else's fault stays what it is."""

import json
import sys
from pathlib import Path

import pytest
from toy_features import make_store, people

import heads.models
from cache import plugin_faults
from heads.cli import main

HEAD = """
from cache.config import Settings
from heads.head import CLASS, Head, Output
from heads.inputs.streams import ImageStream
from heads.inputs import streams
from heads.blocks.cross_entropy import cross_entropy
from heads.blocks.layers import Linear, generators


class Model(Head):
    gives = frozenset({"logits"})
    class Config(ImageStream):
        width: int = 8

    def __init__(self, config, widths, sizes, seeds):
        super().__init__(config, widths, sizes, seeds)
        self.layer = Linear(widths[config.image], sizes[CLASS], generators(seeds))  # init

    @classmethod
    def inputs_of(cls, config):
        return streams.inputs_of(config)

    def forward(self, features):
        x = features[self.inputs[0]]
        return Output(logits=self.layer(x))  # forward

    def terms(self, output, targets):
        return {"class": cross_entropy(output.logits, targets[CLASS])}  # terms
"""
FAULTS = {
    "forward": ("self.layer(x)", "self.layer(x[..., :5])", "RuntimeError: ", "image/pooled (2, 32, 24)"),
    "init": ("sizes[CLASS]", "sizes['clas']", "KeyError: 'clas'", ""),
    "terms": ("targets[CLASS])}", "target[CLASS])}", "NameError: name 'target' is not defined", "class (2, 32)"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Heads of a user's, in a folder that is one more of heads.models."""
    (tmp_path / "mine").mkdir()
    make_store(tmp_path / "store", people(400), features=["image", "body"])
    monkeypatch.setattr(heads.models, "__path__", [*heads.models.__path__, str(tmp_path / "mine")])
    monkeypatch.setattr(plugin_faults, "ROOMS", (*plugin_faults.ROOMS, tmp_path / "mine"))
    monkeypatch.delenv("TRACEBACK", raising=False)
    return ["--store", str(tmp_path / "store"), "--runs", str(tmp_path / "runs"), "--seeds", "2", "--threads", "1"]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def written(name: str, text: str) -> Path:
        monkeypatch.delitem(sys.modules, f"heads.models.{name}", raising=False)
        path = tmp_path / "mine" / f"{name}.py"
        path.write_text(text)
        return path

    return written


def complaint(capsys: pytest.CaptureFixture[str], place: list[str], head: str, *more: str) -> str:
    assert (
        main(["train", *place, "--head", head, "--protocol", "single-label", "--set", "epochs=1 per_class=0", *more])
        == 2
    )
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_a_users_head_is_one_line_with_its_file_and_what_it_got(
    kind: str,
    place: list[str],
    write,  # type: ignore[no-untyped-def]
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right, wrong, told, given = FAULTS[kind]
    path = write(kind, HEAD.replace(right, wrong, 1))
    line = 1 + next(number for number, text in enumerate(path.read_text().split("\n")) if text.endswith(f"# {kind}"))
    err = complaint(capsys, place, kind)
    assert f"{kind}: {path}:{line}: {told}" in err
    assert given in err
    assert err.endswith("TRACEBACK=1 shows the whole traceback\n")
    monkeypatch.setenv("TRACEBACK", "1")
    assert main(["train", *place, "--head", kind, "--protocol", "single-label", "--set", "epochs=1 per_class=0"]) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("import torch\nimport nowhere\n", ":2", "ModuleNotFoundError: No module named 'nowhere'"),
        ("\n\nclass Model(Head):\n    pass\n", ":3", "NameError: name 'Head' is not defined"),
        ("def f(:\n", ":1", "SyntaxError: "),
    ],
)
def test_a_file_that_does_not_import_is_named(
    text: str,
    line: str,
    told: str,
    place: list[str],
    write,  # type: ignore[no-untyped-def]
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write("broken", text)
    assert f"error: {path}{line}: {told}" in complaint(capsys, place, "broken")


def test_a_file_without_its_class_and_wrong_shapes_are_told(
    place: list[str],
    write,  # type: ignore[no-untyped-def]
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write("empty", "Modle = 3\n")
    assert f"error: {path}: has no class Model" in complaint(capsys, place, "empty")
    path = write(
        "flat",
        HEAD.replace("self.layer(x))", "self.layer(x).mean(1))").replace("cross_entropy(output", "x(output")
        + "\nx = lambda a, b: a.sum(1)\n",
    )
    assert f"{path}: forward gives logits as (2, 26), 2 seeds and " in complaint(capsys, place, "flat")
    path = write("scalar", HEAD.replace("targets[CLASS])}", "targets[CLASS]).sum()}"))
    assert f"{path}: terms gives class as (), 2 seeds want (2,). ARCHITECTURE.md shows a head" in complaint(
        capsys, place, "scalar"
    )


def test_a_method_that_cannot_be_called_is_named_with_its_line(
    place: list[str],
    write,  # type: ignore[no-untyped-def]
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Python raises in the caller, where nothing of the plug-in is running."""
    for name, right, wrong, told in (
        ("few", "forward(self, features)", "forward(self)", "23: forward(self) cannot be called as forward(self, feat"),
        ("unbound", "    @classmethod\n", "", "19: inputs_of(cls, config) cannot be called as inputs_of(config)."),
        ("built", "widths, sizes, seeds):", "widths):", "15: __init__(self, config, widths) cannot be called as "),
    ):
        path = write(name, HEAD.replace(right, wrong, 1))
        assert f"error: {path}:{told}" in complaint(capsys, place, name)


def test_in_a_grid_such_a_row_fails_alone(
    place: list[str],
    write,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write("forward", HEAD.replace(*FAULTS["forward"][:2], 1))
    write("right", HEAD)
    (tmp_path / "g.toml").write_text('heads = ["forward", "right"]\nprotocols = ["single-label"]\n')
    words = ["ablate", "--grid", str(tmp_path / "g.toml"), "--name", "g", "--set", "epochs=1 per_class=0"]
    assert main([*words[:1], *place, *words[1:]]) == 0
    results = json.loads((tmp_path / "runs" / "g" / "results.json").read_text())
    assert [row["name"] for row in results["rows"]] == ["right"]
    (absent,) = results["absent"]
    assert absent["reason"].startswith(f"error in {path}:")
    assert "was given features [image/pooled (2, 32, 24)" in absent["error"]


def test_a_trained_heads_checkpoint_is_not_blamed_for_its_code(
    place: list[str],
    write,  # type: ignore[no-untyped-def]
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*place, "--head", "later", "--protocol", "single-label", "--set", "epochs=1 per_class=0"]
    text = HEAD.replace(
        "        x = f", "        if not self.training and LATER: raise KeyError('boom')\n        x = f"
    )
    write("later", text.replace("LATER", "len(features['row'][0]) < 0"))
    assert main(["train", *words]) == 0
    path = write("later", text.replace("LATER", "len(features['row'][0]) < 2"))
    capsys.readouterr()
    assert main(["evaluate", *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {path}:24: KeyError: 'boom'; forward was given features [image/pooled (2, 1, 24)")
    assert err.count("\n") == 1
    assert "checkpoint" not in err


def test_nobody_elses_fault_is_a_plug_ins() -> None:
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")
    assert plugin_faults.fault(caught.value) is None
