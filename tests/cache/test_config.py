"""TOML to settings: every fault at once, in one line, with the nearest name."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from cache.config import Settings, assignments, build, load
from cache.errors import ConfigError


class Optimiser(Settings):
    lr: float = Field(1e-3, gt=0)
    momentum: float = 0.9


class Stage(Settings):
    model: str = "resnet18"


class Training(Settings):
    epochs: int = Field(10, ge=1)
    optimiser: Optimiser = Optimiser()
    stages: dict[str, Stage] = Field(default_factory=dict)
    loss: str = "triplet"


def text_of(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        build(Training, values, "SET")
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('epochs = 3\nloss = "margin"\n[optimiser]\nlr = 0.5\n[stages.body]\nmodel = "resnet50"\n')
    made = load(path, Training)
    assert (made.epochs, made.loss, made.optimiser.lr, made.stages["body"].model) == (3, "margin", 0.5, "resnet50")
    with pytest.raises(ValidationError):
        made.epochs = 4  # type: ignore[misc]


def test_all_faults_are_told_at_once() -> None:
    text = text_of({"epochs": 0, "optimiser": {"lr": -1}, "los": "x"})
    assert text.startswith("SET: ")
    assert "epochs: input should be greater than or equal to 1, got 0" in text
    assert "optimiser.lr: input should be greater than 0, got -1" in text
    assert "unknown setting 'los'. Did you mean 'loss'? Known: epochs, loss, optimiser, stages." in text


def test_a_nested_unknown_gets_the_names_of_its_own_level() -> None:
    assert "unknown setting 'optimiser.momentun'. Did you mean 'momentum'? Known: lr, momentum." in text_of(
        {"optimiser": {"momentun": 1}}
    )
    assert "unknown setting 'stages.body.modle'. Did you mean 'model'? Known: model." in text_of(
        {"stages": {"body": {"modle": "x"}}}
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value: float) -> None:
    assert "finite" in text_of({"optimiser": {"lr": value}})


@pytest.mark.parametrize("content", [b"epochs = ", b"\xff\xfe", b"a = 1\na = 2", b"a = " + b"[" * 5000])
def test_what_is_no_toml_is_one_line_with_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load(path, Training)
    assert str(error.value).startswith(f"{path}: not readable as TOML")
    assert len(str(error.value).splitlines()) == 1


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.toml: no such config file"):
        load(tmp_path / "x.toml", Training)
    with pytest.raises(ConfigError, match=r"not readable as TOML: .*directory"):
        load(tmp_path, Training)


def test_assignments_are_toml_scalars_or_bare_words() -> None:
    assert assignments('lr=1e-3 epochs=40 loss=triplet fast=true name="a b" path=a=b steps=[1,2] none=') == {
        "lr": 1e-3,
        "epochs": 40,
        "loss": "triplet",
        "fast": True,
        "name": "a b",
        "path": "a=b",
        "steps": [1, 2],
        "none": "",
    }
    assert assignments("") == {}


@pytest.mark.parametrize("text", ["lr", "=3", "lr 1", "lr='1", "lr=1 lr=2"])
def test_what_is_no_assignment_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^SET: "):
        assignments(text)


def test_a_value_cannot_bring_further_lines() -> None:
    assert assignments("'lr=1\nepochs = 2'") == {"lr": "1\nepochs = 2"}


@given(st.text())
def test_any_text_gives_settings_or_a_typed_error(text: str) -> None:
    try:
        values = assignments(text)
    except ConfigError:
        values = {}
    try:
        build(Training, values, "SET")
    except ConfigError as error:
        one_line = str(error)
        assert len(one_line.split("\n")) == 1
