"""``status`` tells how old a feature is: which code and packages are others than when it was made."""

import json
from pathlib import Path

import pytest
from toy_pipeline import Colour, in_place, make_root, run

from cache.makings import NAME
from pipeline.cli import main
from pipeline.running import stage_code

STAGE = "pipeline/stages/colour.py"


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that stands for the code of the stage ``colour``."""
    path = tmp_path / "code" / STAGE
    path.parent.mkdir(parents=True)
    path.write_text("import numpy\n\nvalue = 1\n")
    monkeypatch.setattr(stage_code, "ROOT", tmp_path / "code")
    return path


def told(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with in_place():
        assert main(["status", "--store", str(tmp_path / "store"), *words]) == 0
    return capsys.readouterr().out


def test_changed_code_is_told_and_nothing_is_extracted_again(
    tmp_path: Path, code: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_root(tmp_path / "data", 6)
    run(tmp_path / "data", tmp_path / "store")
    assert "code and packages are as they were" in told(tmp_path, capsys)
    code.write_text("import numpy\n\nvalue = 2  # better\n")
    monkeypatch.setattr(stage_code, "version_of", lambda _: "9.9")
    text = told(tmp_path, capsys)
    assert f"since changed: {STAGE} (same version 1: values should be the same; make verify" in text
    with monkeypatch.context() as raised:
        raised.setattr(Colour, "version", 2)
        assert "(version 1 then, 2 now: make extract makes it again)" in told(tmp_path, capsys)
    assert run(tmp_path / "data", tmp_path / "store").shards == 0
    make_root(tmp_path / "data", 10)
    run(tmp_path / "data", tmp_path / "store")
    age = json.loads(told(tmp_path, capsys, "--json"))["features"]["colour"]["age"]
    assert [(one["shards"], one["changed"]) for one in age["makings"]] == [([[0, 0]], [STAGE]), ([[1, 2]], [])]
    assert age["makings"][0]["packages"]["numpy"][1] == "9.9"
    assert age["unknown"] == 0
    assert age["version"] == {"then": 1, "now": 1}


def test_a_store_of_before_is_read_and_its_age_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_root(tmp_path / "data", 6)
    run(tmp_path / "data", tmp_path / "store")
    for path in (tmp_path / "store").rglob(NAME):
        path.unlink()
    assert "colour: 2 shards made before it was recorded by which code: not known" in told(tmp_path, capsys)
