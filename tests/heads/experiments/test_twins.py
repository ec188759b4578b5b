"""Protocols with the same people to train on share a training, and give the numbers that each gives alone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from one_shot_mappings import with_ties
from safetensors.torch import load_file
from toy_features import make_store

from cache.errors import WeightsError
from heads.commands._grids import Outcome, ablate
from heads.experiments import progress
from heads.experiments.grid import Grid
from heads.experiments.place import Place
from heads.tables import results as tables

QUICK: dict[str, Any] = {
    "stream": 8,
    "fusion": 8,
    "embedding": 4,
    "epochs": 2,
    "episodes": 10,
    "validation_episodes": 5,
}
GRID = Grid(heads=("random", "i_dml", "ib_dml"), protocols=("cat-6:6", "cat-6:4"), settings=({"lr": 0.01},))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Ties go to the seen classes, so that cat-6:6 and cat-6:4 train on the same people."""
    return Place(make_store(tmp_path / "store"), "demo", tmp_path / "runs", with_ties(tmp_path, "seen"), seeds=2)


def go(place: Place, grid: Grid = GRID, **values: Any) -> Outcome:
    return ablate(place, grid, QUICK | values, "x", lambda *_: None)


def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Gets protocol and row of everything that is trained from now on."""
    from heads.experiments import rows

    found: list[tuple[str, str]] = []
    whole = rows.run_together

    def watched(bench: Any, cells: Any, *rest: Any) -> Any:
        found.extend((bench.task.protocol, one.name) for one in cells)
        return whole(bench, cells, *rest)

    monkeypatch.setattr(rows, "run_together", watched)
    return found


def rows_of(found: Outcome, protocol: str) -> dict[str, dict[str, Any]]:
    document = next(one for one in found.tables.values() if one["protocol"] == protocol)
    return {row["name"]: row for row in document["rows"]}


def test_cat_6_4_takes_the_trainings_of_cat_6_6(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    names = trained(monkeypatch)
    shared = go(place)
    assert names == [("cat-6:6", name) for name in ("random", "i_dml", "ib_dml")] + [("cat-6:4", "random")]
    told = {name: row["trained_for"] for name, row in rows_of(shared, "cat-6:4").items()}
    assert told == {"random": None, "i_dml": "cat-6:6", "ib_dml": "cat-6:6"}
    monkeypatch.setattr("heads.experiments.finished.twin", lambda *_: None)
    apart = go(replace(place, runs=place.runs / "apart"))
    for protocol in GRID.protocols:
        for name, row in rows_of(apart, protocol).items():
            mine = rows_of(shared, protocol)[name]
            for key in row.keys() - {"seconds", "training_seconds", "trained_for"}:
                assert mine[key] == row[key], (protocol, name, key)
    for name in ("i_dml", "ib_dml"):
        one, two = (
            load_file(folder / "x/cat-6-4" / f"{name}.safetensors") for folder in (place.runs, place.runs / "apart")
        )
        assert one.keys() == two.keys()
        assert all(one[key].equal(two[key]) for key in one)


def test_it_is_told_in_the_table_and_while_it_runs(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    found = ablate(place, GRID, QUICK, "x", progress.Progress(sys.stderr))
    document = next(one for one in found.tables.values() if one["protocol"] == "cat-6:4")
    assert "Trained once with cat-6:6, on the same people: i_dml, ib_dml." in tables.notes(document)
    assert capsys.readouterr().err.count(", trained for cat-6:6\n") == 2


def test_a_finished_twin_serves_later_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    go(place)
    (place.runs / "x/cat-6-4/cells/ib_dml.json").unlink()
    names = trained(monkeypatch)
    assert go(place).reused == 5
    assert names == []
    (place.runs / "x/cat-6-6/cells/ib_dml.json").unlink()
    again = go(place)
    assert names == []
    assert rows_of(again, "cat-6:6")["ib_dml"]["trained_for"] is None  # its own, back from the one that took it over
    assert rows_of(again, "cat-6:4")["ib_dml"]["trained_for"] == "cat-6:6"
    seconds = {protocol: rows_of(again, protocol)["ib_dml"]["training_seconds"] for protocol in GRID.protocols}
    assert seconds["cat-6:6"] == seconds["cat-6:4"] > 0


def test_a_twin_that_cannot_be_read_is_trained(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go(place)
    (place.runs / "x/cat-6-4/cells/ib_dml.json").unlink()
    names = trained(monkeypatch)

    def unreadable(path: Path, _: str) -> None:
        raise WeightsError(f"{path}: not a checkpoint of a head, or damaged: x. Train again")

    monkeypatch.setattr("heads.checkpoints.checkpoint.load", unreadable)
    go(place)
    assert names == [("cat-6:4", "ib_dml")]
    assert caplog.messages[-1].endswith("or damaged: x. Row ib_dml is trained itself")


@pytest.mark.parametrize("ties", ["unseen", "drop"])
def test_other_training_people_are_another_training(
    place: Place, tmp_path: Path, ties: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = trained(monkeypatch)
    go(replace(place, mapping=with_ties(tmp_path, ties)))
    assert ("cat-6:4", "i_dml") in names


def test_another_setting_is_another_training(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    go(place, grid=GRID.model_copy(update={"protocols": ("cat-6:6", "cat-6:4")}))
    (place.runs / "x/cat-6-4/cells/ib_dml.json").unlink()
    path = place.runs / "x/cat-6-6/cells/ib_dml.json"
    content = json.loads(path.read_text())
    content["identity"]["settings"]["epochs"] = 3
    path.write_text(json.dumps(content))
    names = trained(monkeypatch)
    go(place, grid=GRID.model_copy(update={"heads": ("ib_dml",), "protocols": ("cat-6:4", "lev-7:3-valence")}))
    assert ("cat-6:4", "ib_dml") in names


def test_a_damaged_twin_is_not_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    go(place)
    (place.runs / "x/cat-6-4/cells/ib_dml.json").unlink()
    (place.runs / "x/cat-6-4/cells/i_dml.json").unlink()
    checkpoint = place.runs / "x/cat-6-6/ib_dml.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-8] + bytes(8))
    names = trained(monkeypatch)
    go(place)
    assert names == [("cat-6:6", "ib_dml")]
