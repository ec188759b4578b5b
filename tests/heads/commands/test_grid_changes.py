"""A grid that is edited and trained again under its name: the report is that of the last one, and nothing is lost."""

from pathlib import Path
from typing import Any

import pytest
from one_shot_mappings import changed
from toy_features import make_store

from cache.errors import ConfigError, StoreError, UnknownName
from heads.commands._grids import ablate, table
from heads.documents.summary import read_summary
from heads.experiments.grid import Grid, cell, cells
from heads.experiments.place import Place
from heads.known_protocols import find
from heads.page import material

QUICK: dict[str, Any] = {"epochs": 1, "episodes": 5, "validation_episodes": 2}
TABLES = {"table.md", "table.csv", "table.tex"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(make_store(tmp_path / "store", features=["image"]), "demo", tmp_path / "runs", seeds=1)


def go(place: Place, *protocols: str) -> Path:
    return ablate(place, Grid(heads=("random",), protocols=protocols), QUICK, "x", lambda *_: None).root


def shown(root: Path) -> list[str]:
    """The protocols whose tables a report has."""
    return [one["protocol"] for one in material.finished(root).values()]


def test_a_grid_of_one_protocol_that_becomes_several_is_reported_as_several_and_back(place: Place) -> None:
    root = go(place, "lev-7:3-valence")
    assert shown(root) == ["lev-7:3-valence"]
    go(place, "cat-6:6", "cat-6:4")
    assert shown(root) == ["cat-6:6", "cat-6:4"]
    assert not (root / "results.json").exists()
    assert {path.name for path in root.iterdir() if path.is_file()} == TABLES | {"summary.json", "random.safetensors"}
    assert go(place, "lev-7:3-valence") == root
    assert shown(root) == ["lev-7:3-valence"]
    assert not (root / "summary.json").exists()
    assert read_summary(root) is None
    assert {path.name for path in (root / "cells").iterdir()} == {"random.json"}
    assert {path.parent.parent.name for path in root.glob("*/cells/random.json")} == {"cat-6-6", "cat-6-4"}


def test_train_into_the_folder_of_a_grid_takes_the_place_of_its_summary(place: Place) -> None:
    root = go(place, "cat-6:6", "cat-6:4")
    table(place, find("lev-7:3-arousal"), [cell("random", find("lev-7:3-arousal"), QUICK)], root, lambda *_: None)
    assert shown(root) == ["lev-7:3-arousal"]


def test_a_protocol_that_left_the_grid_leaves_the_report_and_keeps_its_cells(place: Place) -> None:
    root = go(place, "cat-6:6", "cat-6:4")
    go(place, "cat-6:6", "lev-7:3-valence")
    assert shown(root) == ["cat-6:6", "lev-7:3-valence"]
    assert (root / "cat-6-4" / "random.safetensors").is_file()
    assert (root / "cat-6-4" / "cells" / "random.json").is_file()


def test_a_grid_that_is_stopped_half_way_does_not_show_the_one_before(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = go(place, "lev-7:3-valence")
    monkeypatch.setattr("heads.commands._grids.summarise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        go(place, "cat-6:6", "cat-6:4")
    assert sorted(shown(root)) == ["cat-6:4", "cat-6:6"]


def test_a_folder_that_holds_a_table_and_a_summary_is_one_line(place: Place) -> None:
    root = go(place, "cat-6:6", "cat-6:4")
    (root / "results.json").write_text((root / "cat-6-6" / "results.json").read_text())
    with pytest.raises(StoreError, match=r"holds summary\.json and results\.json, of two grids\. Run make"):
        material.finished(root)


def test_the_folder_of_a_protocol_is_inside_its_run(place: Place) -> None:
    root = go(place, "cat-6:6", "cat-6:4")
    text = (root / "summary.json").read_text()
    for bad in ("..", "../x", "/etc", ".hidden", ""):
        (root / "summary.json").write_text(text.replace('"folder": "cat-6-6"', f'"folder": "{bad}"'))
        with pytest.raises(StoreError, match=r"protocols\.cat-6:6\.folder: .*must be the name of one folder"):
            material.finished(root)


@pytest.mark.parametrize("bad", ["cat-6:7", "../cat-6:6"])
def test_every_protocol_is_known_before_the_first_is_trained(place: Place, bad: str) -> None:
    told: list[object] = []
    grid = Grid(heads=("random",), protocols=("cat-6:6", bad))
    with pytest.raises(UnknownName, match=f"no protocol '{bad}'. Did you mean 'cat-6:6'"):
        ablate(place, grid, QUICK, "x", lambda *what: told.append(what))
    assert not told
    assert not (place.runs / "x").exists()


def test_two_protocols_of_one_folder_are_told_before_anything_is_trained(place: Place, tmp_path: Path) -> None:
    mapping = changed(tmp_path, ('"cat-6:4" =', '"cat-6-6" ='))
    alike = Place(place.store, "demo", place.runs, mapping, seeds=1)
    with pytest.raises(ConfigError, match=r"grid: protocols cat-6:6 and cat-6-6 have one folder, cat-6-6"):
        go(alike, "cat-6:6", "cat-6-6")


@pytest.mark.parametrize("word", ["a/b", "../a", ".a", "a\0b", "a\nb", "a\x7fb", "x" * 101, "ü" * 48, "\ud800"])
def test_a_row_whose_name_is_no_files_name_is_told_before_anything_is_trained(place: Place, word: str) -> None:
    grid = Grid(heads=("random",), protocols=("cat-6:6",), settings=({}, {"name": word, "shots": 2}))
    with pytest.raises(ConfigError, match=r"grid: name = .*: it becomes a part of file names") as caught:
        cells(grid, find("cat-6:6"), {})
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


def test_a_row_may_have_words_and_signs_in_its_name() -> None:
    grid = Grid(heads=("random",), protocols=("cat-6:6",), settings=({"name": "5 shots, größer", "shots": 5},))
    assert [one.name for one in cells(grid, find("cat-6:6"), {})] == ["random-5 shots, größer"]
