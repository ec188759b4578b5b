"""The CSV of a training: written as it goes, changing nothing, and never one of another training."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from one_shot_mappings import with_ties
from toy_features import make_store

from heads.commands._grids import ablate
from heads.experiments import finished, log
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.learning.epoch import Epoch

QUICK: dict[str, Any] = {
    "stream": 8,
    "fusion": 8,
    "embedding": 4,
    "epochs": 3,
    "step": 1,
    "episodes": 10,
    "validation_episodes": 5,
    "patience": 0,
}
GRID = Grid(heads=("i_dml", "random"), protocols=("cat-6:6",), settings=({"lr": 0.01}, {"lr": 0.02}))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(
        make_store(tmp_path / "store"), "demo", tmp_path / "runs", with_ties(tmp_path, "seen"), seeds=2, log=True
    )


def lines_of(place: Place, name: str) -> list[dict[str, str]]:
    with log.path_of(place.runs / "x", name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_of_one_batch_tell_their_own_numbers_and_are_otherwise_as_without(place: Place) -> None:
    told = ablate(place, GRID, QUICK, "x", lambda *_: None).tables[place.runs / "x"]["rows"]
    plain = ablate(replace(place, log=False), GRID, QUICK, "y", lambda *_: None).tables[place.runs / "y"]["rows"]
    ours, theirs = (
        [(one["name"], one["history"], one["metrics"], one["settings"]) for one in rows] for rows in (told, plain)
    )
    assert ours == theirs
    assert not list((place.runs / "y").glob("*.log.csv"))
    for row in (one for one in told if one["head"] == "i_dml"):
        lines = lines_of(place, row["name"])
        assert [(one["epoch"], one["seed"]) for one in lines] == [(e, s) for e in "123" for s in "01"]
        for key, column in (("loss", "loss"), ("validation", "validation")):
            wanted = [value for epoch in row["history"][key] for value in epoch]
            assert [float(one[column]) for one in lines] == pytest.approx(wanted, abs=1e-6)
        for one in lines:
            terms = [float(value) for key, value in one.items() if key.startswith("loss_")]
            assert len(terms) == 2
            assert sum(terms) == pytest.approx(float(one["loss"]), rel=1e-5)
            assert float(one["learning_rate"]) == pytest.approx(
                row["settings"]["lr"] * 0.1 ** (int(one["epoch"]) - 1), rel=1e-6
            )


def test_a_log_is_whole_lines_at_every_epoch_and_is_not_left_beside_another_training(place: Place) -> None:
    seen = []

    def watch(one: Any, event: Any) -> None:
        if isinstance(event, Epoch) and one.head == "i_dml":
            text = log.path_of(place.runs / "x", one.name).read_text()
            seen.append((event.number, text.count("\n"), text.endswith("\n")))
            if event.number == 2:
                raise KeyboardInterrupt

    grid = GRID.model_copy(update={"heads": ("i_dml",), "settings": ({"lr": 0.01},)})
    with pytest.raises(KeyboardInterrupt):
        ablate(place, grid, QUICK, "x", watch)
    assert seen == [(1, 3, True), (2, 5, True)]
    ablate(place, grid, QUICK, "x", lambda *_: None)
    assert len(lines_of(place, "i_dml")) == 6
    before = log.path_of(place.runs / "x", "i_dml").read_bytes()
    assert ablate(place, grid, QUICK, "x", lambda *_: None).reused == 1
    assert log.path_of(place.runs / "x", "i_dml").read_bytes() == before
    finished.forget(place.runs / "x", "i_dml")
    ablate(replace(place, log=False), grid, QUICK, "x", lambda *_: None)
    assert not log.path_of(place.runs / "x", "i_dml").exists()
