"""The cells of a grid: which settings go to which head, what their rows are called, what is refused."""

from pathlib import Path
from typing import Any

import pytest
from toy_features import make_store, people

from cache import plugins
from cache.errors import ConfigError, UnknownName
from heads.cli import main
from heads.experiments.grid import Grid, cell, cells, read_grid, usual_protocol
from heads.known_protocols import find


def test_protocols_can_have_their_own_settings() -> None:
    rates = [cell("sem_ib_dml", find(name), {}).recipe.lr for name in ("cat-6:6", "lev-7:3-arousal", "lev-6:4-arousal")]
    assert rates == [3.5e-4, 3.5e-4, 3.5e-6]
    assert cell("sem_ib_dml", find("lev-6:4-arousal"), {"lr": 1e-3}).recipe.lr == 1e-3
    epochs = [cell("kosti", find(name), {}).recipe.epochs for name in ("cat-6:6", "multilabel", "emotic-26")]
    assert epochs == [12, 21, 21]


def test_a_setting_goes_to_the_heads_that_have_it() -> None:
    random, image = cells(
        Grid(heads=("random", "i_dml"), protocols=("cat-6:6",)), find("cat-6:6"), {"margin": 0.4, "shots": 2}
    )
    assert not hasattr(random.recipe, "margin")
    assert image.recipe.model_dump()["margin"] == 0.4
    assert random.recipe.shots == image.recipe.shots == 2


def test_tables_of_settings_have_names_and_a_row_they_do_not_change_stands_once() -> None:
    settings: tuple[dict[str, Any], ...] = ({}, {"name": "wide", "image": "image50"}, {"name": "many", "shots": 5})
    found = cells(Grid(heads=("random", "i_dml"), protocols=("cat-6:6",), settings=settings), find("cat-6:6"), {})
    assert [one.name for one in found] == ["random", "random-many", "i_dml", "i_dml-wide", "i_dml-many"]
    assert found[3].inputs == ("image50/pooled",)
    assert found[1].recipe.shots == 5


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ({"reference": "ib_dml"}, "no row for reference in the grid: 'ib_dml'. Did you mean 'i_dml'?"),
        ({"settings": ({"name": "a"}, {"name": "a", "shots": 2})}, "grid: two rows are called i_dml-a"),
        ({"settings": ({"name": "../a"},)}, "grid: name = '../a': it becomes a part of file names"),
    ],
)
def test_rows_that_cannot_be_told_apart_or_found_are_one_line(grid: dict[str, Any], expected: str) -> None:
    with pytest.raises((ConfigError, UnknownName)) as caught:
        cells(Grid(heads=("i_dml",), protocols=("cat-6:6",), **grid), find("cat-6:6"), {})
    assert str(caught.value).startswith(expected)


def test_grids_are_read_by_name_or_path_and_checked_as_a_whole(tmp_path: Path) -> None:
    assert set(read_grid("demo").heads) == {"random", "i_dml", "b_dml", "ib_dml", "sem_i_dml", "sem_ib_dml"}
    with pytest.raises(UnknownName, match=r"no grid 'dmeo'\. Did you mean 'demo'"):
        read_grid("dmeo")
    path = tmp_path / "mine.toml"
    path.write_text('heads = ["i_dml"]\nprotocols = ["cat-6:6"]\nsetings = []')
    with pytest.raises(ConfigError, match=r"unknown setting 'setings'\. Did you mean 'settings'"):
        read_grid(str(path))
    with pytest.raises(ConfigError, match="settings of random: unknown setting 'lrr'"):
        cells(Grid(heads=("random", "i_dml"), protocols=("cat-6:6",)), find("cat-6:6"), {"lrr": 1})


def test_a_loss_of_a_grid_goes_to_the_heads_that_can_use_it() -> None:
    def losses(heads: tuple[str, ...], **values: Any) -> list[Any]:
        found = cells(Grid(heads=heads, protocols=("cat-6:6",)), find("cat-6:6"), values)
        return [one.settings.get("loss") for one in found]

    assert losses(("random", "kosti", "ib_dml"), loss="circle", m=0.3) == [None, "bce", "circle"]
    assert losses(("kosti", "ib_dml"), loss="focal", focusing=1) == ["focal", "triplet"]
    with pytest.raises(
        ConfigError, match=r"^loss circle is no loss on labels, which this head has\. Take asymmetric, "
    ):
        losses(("kosti", "linear"), loss="circle")


def test_every_shipped_config_and_grid_is_valid() -> None:
    for head in plugins.names("heads.models"):
        assert head in plugins.configs("heads"), head
        cell(head, find(usual_protocol(head)), {})
    for name in plugins.configs("heads", "configs/grids"):
        grid = read_grid(name)
        assert [cells(grid, find(protocol), {}) for protocol in grid.protocols]


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ('heads = ["ib_dlm"]', "", "grid {}: no head 'ib_dlm'. Did you mean 'ib_dml'?"),
        ('heads = ["i_dml"]\nprotocols = ["cat-6:7"]', "", "grid {}: no protocol 'cat-6:7'. Did you mean 'cat-6:6'?"),
        (
            'heads = ["i_dml"]\nsettings = [{lr = "x"}]',
            "",
            "grid {}: settings of i_dml: lr: input should be a valid number",
        ),
        ('heads = ["i_dml"]\nsettings = [{name = "a/b"}]', "", "grid {}: name = 'a/b': it becomes a part"),
        ('heads = ["i_dml"]\nreference = "x"', "", "grid {}: no row for reference in the grid: 'x'"),
        ('heads = ["i_dml"]', "lrr=3", "grid {} with SET: settings of i_dml: unknown setting 'lrr'"),
    ],
)
def test_errors_of_a_grids_file_name_it(
    text: str, more: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text if "protocols" in text else f'protocols = ["cat-6:6"]\n{text}')
    make_store(tmp_path / "store", people(10), features=["image"])
    words = [
        "ablate",
        "--grid",
        str(path),
        "--store",
        str(tmp_path / "store"),
        "--runs",
        str(tmp_path / "runs"),
        "--set",
        more,
    ]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"error: {expected.format(path)}")


def test_a_table_may_be_for_some_heads_alone() -> None:
    settings: tuple[dict[str, Any], ...] = (
        {"for": ["i_dml"], "name": "wide", "image": "image50"},
        {"for": ["i_dml", "random"], "name": "many", "shots": 5},
        {"for": ["b_dml"]},
    )
    grid = Grid(heads=("random", "i_dml", "b_dml"), protocols=("cat-6:6",), settings=settings)
    found = cells(grid, find("cat-6:6"), {"margin": 0.4})
    assert [one.name for one in found] == ["random-many", "i_dml-wide", "i_dml-many", "b_dml"]
    assert [one.settings.get("margin") for one in found] == [None, 0.4, 0.4, 0.4]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"for": ["random"], "image": "image50"}, "settings of random: unknown setting 'image'"),
        ({"for": ["b_dml"]}, "no head for = in the grid: 'b_dml'"),
        ({"for": "i_dml"}, "grid: for = 'i_dml': it is a list of the grid's heads"),
        ({"for": ["i_dml"]}, "grid: no table of settings is for random. Give it one, or leave the head out"),
    ],
)
def test_a_table_for_heads_that_cannot_have_it_is_one_line(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises((ConfigError, UnknownName)) as caught:
        cells(Grid(heads=("random", "i_dml"), protocols=("cat-6:6",), settings=(settings,)), find("cat-6:6"), {})
    assert str(caught.value).startswith(expected)
