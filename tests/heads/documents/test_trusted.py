"""What is read back is what was written, or is one line; a row that fails for want of memory stops no other."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_shot_mappings import with_ties
from toy_features import make_store

from cache.errors import ConfigError
from heads import cli
from heads.commands._grids import Outcome, ablate, table
from heads.experiments import rows
from heads.experiments.cell import Cell
from heads.experiments.grid import Grid, cell
from heads.experiments.place import Place
from heads.known_protocols import find
from heads.page import material
from heads.page.material import finished

QUICK: dict[str, Any] = {"epochs": 1, "episodes": 5, "validation_episodes": 2, "stream": 8, "embedding": 4}
RATES: tuple[dict[str, Any], ...] = ({}, {"name": "fast", "lr": 1e-3}, {"name": "slow", "lr": 1e-5})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(make_store(tmp_path / "store", features=["image"]), "demo", tmp_path / "runs", seeds=1)


def go(place: Place, *heads: str, settings: tuple[dict[str, Any], ...] = ({},), **values: Any) -> Outcome:
    grid = Grid(heads=heads, protocols=("cat-6:6",), settings=settings)
    return ablate(place, grid, QUICK | values, "x", lambda *_: None)


def rewritten(path: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


CELL, CHECKPOINT = "cells/i_dml.json", "i_dml.safetensors"


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        (CHECKPOINT, lambda path: path.write_bytes(b""), "has 0 bytes, "),
        (CHECKPOINT, flipped, "is not the one that was written"),
        (CHECKPOINT, Path.unlink, "no such file"),
        (CELL, lambda path: path.write_text(path.read_text()[:-40]), "not readable as JSON"),
        (CELL, lambda path: path.write_text("{}"), "is not a finished row: identity: Field required"),
        (CELL, lambda path: path.write_text("[1]"), "is not a finished row: "),
        (CELL, lambda path: rewritten(path, lambda it: it.pop("digest")), "is not a finished row: digest: Field"),
        (CELL, lambda path: rewritten(path, lambda it: it["row"].update(parameters=1)), "is not as it was written"),
        (
            CELL,
            lambda path: rewritten(path, lambda it: it["row"]["metrics"]["accuracy"].update(mean=0.99)),
            "is not as it was written",
        ),
        (
            CELL,
            lambda path: rewritten(path, lambda it: it["scores"]["accuracy"]["resampled"][0].__setitem__(0, 0.99)),
            "is not as it was written",
        ),
    ],
)
def test_a_cell_that_is_not_as_it_was_written_is_trained_again_and_told(
    place: Place, caplog: pytest.LogCaptureFixture, name: str, spoil: Callable[[Path], Any], told: str
) -> None:
    before = go(place, "random", "i_dml")
    path = before.root / name
    spoil(path)
    assert go(place, "random", "i_dml").reused == 1
    (line,) = caplog.messages
    assert line.startswith(f"{path}: {told}")
    assert line.endswith(". Row i_dml is trained again")
    assert "\n" not in line
    caplog.clear()
    assert go(place, "random", "i_dml").reused == 2
    assert not caplog.messages


def test_a_setting_that_changed_is_no_damage(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    go(place, "i_dml")
    assert go(place, "i_dml", lr=1e-3).reused == 0
    assert not caplog.messages


def test_the_line_goes_to_standard_error(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (go(place, "i_dml").root / CHECKPOINT).write_bytes(b"")
    known, logging.root.handlers = logging.root.handlers, []
    try:
        go(place, "i_dml")
    finally:
        logging.root.handlers = known
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.endswith("Row i_dml is trained again\n")


def shown(place: Place, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a command says before it ends with status 2."""
    assert cli.main([*words, "--runs", str(place.runs)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def dropped(*keys: str | int) -> Callable[[Any], None]:
    def make(found: Any) -> None:
        for key in keys[:-1]:
            found = found[key]
        del found[keys[-1]]

    return make


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda it: it.update(rows=[]), "rows: List should have at least 1 item"),
        (dropped("people"), "people: Field required"),
        (dropped("rows", 0, "metrics", "accuracy", "ci95"), "rows.0.metrics.accuracy.ci95: Field required"),
        (dropped("rows", 0, "left_out"), "rows.0.left_out: Field required"),
        (lambda it: it["rows"][0]["metrics"]["accuracy"].update(mean="x"), "rows.0.metrics.accuracy.mean: "),
        (lambda it: it["rows"][0]["history"]["loss"][0].append(1.0), "rows.0: "),
        (lambda it: it["rows"][0].update(best_epochs=[99]), "rows.0: "),
        (lambda it: it["features"].append({}), "features.1.name: Field required"),
        (lambda it: it["levels"][0]["values"].update(accuracy=float("nan")), "levels.0.values.accuracy: "),
    ],
)
def test_results_without_what_the_tables_need_are_one_line(
    place: Place, capsys: pytest.CaptureFixture[str], spoil: Callable[[Any], None], told: str
) -> None:
    root = go(place, "i_dml").root
    rewritten(root / "results.json", spoil)
    line = shown(place, capsys, "report", "--run", "x", "--store", str(place.store.root))
    assert line.startswith(f"error: {root / 'results.json'}: is not the results of a run: {told}")


@pytest.mark.parametrize("text", ['{"dataset":"a","protocol":"b","features":[],"rows":[]}', "[1]", "7", "null", "{}"])
def test_other_json_is_no_results(place: Place, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (place.runs / "x").mkdir(parents=True)
    (place.runs / "x" / "results.json").write_text(text)
    assert "is not the results of a run: " in shown(place, capsys, "report", "--run", "x")


@pytest.mark.parametrize("text", ["{}", "[1]", "null", '{"identity": {}, "row": {}, "scores": {}}'])
def test_other_json_is_no_row_to_compare(place: Place, capsys: pytest.CaptureFixture[str], text: str) -> None:
    root = go(place, "i_dml", "random").root
    (root / CELL).write_text(text)
    line = shown(place, capsys, "compare", "x/random", "x/i_dml")
    assert line.startswith(f"error: {root / CELL}: is not a finished row: ")
    assert line.endswith("Train again\n")


def test_a_row_that_was_changed_is_not_compared(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    root = go(place, "i_dml", "random").root
    rewritten(root / CELL, lambda it: it["scores"]["accuracy"]["resampled"][0].__setitem__(0, 0.99))
    assert "is not as it was written. Train again" in shown(place, capsys, "compare", "x/random", "x/i_dml")


MEMORY = "not enough memory"
FAILURES = [
    (RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"), MEMORY),
    (torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB."), MEMORY),
    (MemoryError(), MEMORY),
    (np.linalg.LinAlgError("SVD did not converge"), "no solution"),
    (torch.linalg.LinAlgError("linalg.solve: The solver failed because the input matrix is singular."), "no solution"),
]


@pytest.mark.parametrize(("error", "reason"), FAILURES)
def test_a_row_that_fails_while_it_trains_says_so_in_its_place(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    run_together = rows.run_together

    def starved(bench: Any, group: list[Cell], *rest: Any) -> Iterator[Any]:
        for pair in run_together(bench, group, *rest):
            if any(one.name == "i_dml-fast" for one in group):
                raise error
            yield pair

    monkeypatch.setattr(rows, "run_together", starved)
    found = go(place, "i_dml", "random", settings=RATES)
    (document,) = found.tables.values()
    names = ["i_dml", "i_dml-slow", "random", "random-fast", "random-slow"]
    assert [row["name"] for row in document["rows"]] == names
    (absent,) = document["absent"]
    assert (absent["name"], absent["reason"]) == ("i_dml-fast", reason)
    assert absent["error"].startswith(f"i_dml-fast: {reason}")
    assert "\n" not in absent["error"]
    assert finished(found.root)
    monkeypatch.undo()
    assert go(place, "i_dml", "random", settings=RATES).reused == len(names)


def test_another_fault_is_no_row_without_numbers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "run_together", lambda *_: (_ for _ in ()).throw(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        go(place, "i_dml")


@pytest.mark.parametrize(("error", "reason"), FAILURES)
def test_train_says_in_one_line_why_its_row_failed(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    monkeypatch.setattr(rows, "run", lambda *_: (_ for _ in ()).throw(error))
    with pytest.raises(ConfigError, match=f"^i_dml: {reason}"):
        table(place, find("cat-6:6"), [cell("i_dml", find("cat-6:6"), QUICK)], place.runs / "t", lambda *_: None)


def test_a_page_refuses_another_mapping_of_the_same_version(place: Place, tmp_path: Path) -> None:
    root = go(place, "i_dml").root
    (results,) = finished(root).values()
    found = material.gather(root, results, material.Place(place.store, with_ties(tmp_path, "drop")))
    assert not found.shown
    (line,) = found.left_out
    assert line.startswith("Drawings of i_dml: ")
    assert "was trained with mapping" in line
