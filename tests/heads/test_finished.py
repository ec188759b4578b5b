"""Finished cells are reused when all that they depend on is as it was, and only then; a killed grid goes on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_features import make_store, people

from cache.errors import ConfigError, StoreError
from heads import code_version, finished
from heads.ablate import Outcome, Place, ablate, table
from heads.grid import Grid, cell
from heads.interval import two_way_interval
from heads.protocols.one_shot import read_rules

QUICK: dict[str, Any] = {
    "stream": 8,
    "fusion": 8,
    "embedding": 4,
    "epochs": 1,
    "episodes": 10,
    "validation_episodes": 5,
}
GRID = Grid(heads=("random", "i_dml", "b_dml"), protocols=("cat-6:6", "cat-6:4"), reference="i_dml")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(make_store(tmp_path / "store"), "demo", tmp_path / "runs", read_rules(), seeds=2)


def go(place: Place, grid: Grid = GRID, **values: Any) -> Outcome:
    return ablate(place, grid, QUICK | values, "x", lambda *_: None)


def without_seconds(folder: Path) -> dict[str, str]:
    """Every result and table below ``folder``, seconds blanked."""
    texts = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".md", ".csv", ".tex"):
            text = re.sub(r'"seconds": ?[\d.]+', "", path.read_text())
            text = re.sub(r"[\d.]+ *(\||\\\\)$", "", text, flags=re.M) if path.name != "table.csv" else text
            texts[str(path.relative_to(folder))] = re.sub(r"(?<=,)[\d.]+$", "", text, flags=re.M)
    return texts


def test_a_second_run_trains_nothing_and_gives_the_same_files(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (go(place).reused, go(place).reused) == (0, 6)
    before = {path: path.read_bytes() for path in place.runs.rglob("*") if path.is_file()}
    monkeypatch.setattr("heads.ablate.run", lambda *_: pytest.fail("trained again"))
    assert go(place).wanted == 6
    assert before == {path: path.read_bytes() for path in place.runs.rglob("*") if path.is_file()}


def test_what_changes_a_number_is_trained_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    go(place)
    assert go(place, margin=0.3).reused == 2  # random has no margin
    go(place)
    assert go(replace(place, seeds=1)).reused == 0
    go(place)
    assert go(replace(place, rules=place.rules.model_copy(update={"ties": "drop"}))).reused == 0
    go(place)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    assert go(place).reused == 0
    torch.set_num_threads(threads)
    go(place)
    monkeypatch.setattr(finished, "code_version", lambda head: "another" if head == "b_dml" else code(head))
    assert go(place).reused == 4


code = code_version.code_version


def test_other_rows_of_one_feature_train_only_the_heads_that_read_it(place: Place, tmp_path: Path) -> None:
    go(place)
    mended = make_store(tmp_path / "mended", missing={"body": [3]})
    assert go(replace(place, store=mended)).reused == 4
    longer = make_store(tmp_path / "longer", people(265))
    assert go(replace(place, store=longer)).reused == 0


def test_a_damaged_cell_or_a_checkpoint_that_is_gone_is_trained_again(place: Place) -> None:
    go(place)
    cells = place.runs / "x" / "cat-6-6" / "cells"
    (cells / "i_dml.json").write_text((cells / "i_dml.json").read_text()[:-40])
    content = json.loads((cells / "b_dml.json").read_text())
    (cells / "b_dml.json").write_text(json.dumps(content | {"episodes": {"correct": 1, "total": []}}))
    (place.runs / "x" / "cat-6-4" / "random.safetensors").unlink()
    assert go(place).reused == 3
    assert go(place).reused == 6


def test_a_kill_between_checkpoint_and_cell_leaves_no_old_cell_behind(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(place)
    monkeypatch.setattr(finished, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        go(place, margin=0.4)
    monkeypatch.undo()
    assert go(place).reused == 5


def test_train_trains_whatever_is_there(place: Place) -> None:
    told: list[object] = []
    for _ in range(2):
        table(
            place, "cat-6:6", [cell("random", "cat-6:6", {"episodes": 5})], place.runs / "t", lambda *x: told.append(x)
        )
    assert len(told) == 2


def test_the_code_version_follows_imports_and_ignores_remarks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("experiment", "models/i_dml", "models/b_dml", "shared", "apart"):
        path = tmp_path / "heads" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("from heads import shared\n" if name == "models/i_dml" else "X = 1\n")
    monkeypatch.setattr(code_version, "_ROOT", tmp_path)
    first, other = (code_version.code_version.__wrapped__(head) for head in ("i_dml", "b_dml"))
    (tmp_path / "heads" / "apart.py").write_text("X = 2\n")
    (tmp_path / "heads" / "experiment.py").write_text("X = 1  # a remark\n")
    assert code_version.code_version.__wrapped__("i_dml") == first
    (tmp_path / "heads" / "shared.py").write_text("X = 2\n")
    assert code_version.code_version.__wrapped__("i_dml") != first
    assert code_version.code_version.__wrapped__("b_dml") == other


def test_a_grid_killed_half_way_goes_on_and_ends_as_an_unbroken_one(place: Place, tmp_path: Path) -> None:
    grid = tmp_path / "mine.toml"
    grid.write_text('heads = ["random", "i_dml", "b_dml"]\nprotocols = ["cat-6:6", "cat-6:4"]\nreference = "i_dml"\n')
    words = [sys.executable, "-m", "heads", "ablate", "--grid", str(grid), "--store", str(place.store.root)]
    settings = " ".join(f"{key}={value}" for key, value in (QUICK | {"epochs": 12, "patience": 0}).items())
    words += ["--seeds", "2", "--threads", "1", "--set", settings, "--name", "x", "--runs"]
    process = subprocess.Popen([*words, str(tmp_path / "broken")], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("broken/x/*/cells/[!.]*.json"))) < 2 and time.monotonic() < deadline:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    there = len(list(tmp_path.glob("broken/x/*/cells/[!.]*.json")))
    assert 2 <= there < 6
    assert not (tmp_path / "broken" / "x" / "summary.json").exists()
    again = subprocess.run([*words, str(tmp_path / "broken")], capture_output=True, text=True, check=True)
    assert f"reused {there} of 6 cells" in again.stdout
    subprocess.run([*words, str(tmp_path / "whole")], capture_output=True, check=True)
    broken, whole = (without_seconds(tmp_path / name) for name in ("broken", "whole"))
    assert len(whole) == 4 + 2 * 4 + 6
    assert broken == whole


def test_two_rows_are_compared_as_resampling_by_hand_does(place: Place) -> None:
    go(place)
    found = finished.compare(place.runs, "x/cat-6-6/b_dml", "x/cat-6-6/random")
    correct = {}
    for name in ("b_dml", "random"):
        content = json.loads((place.runs / "x" / "cat-6-6" / "cells" / f"{name}.json").read_text())["episodes"]
        correct[name] = np.array(content["correct"]) / np.array(content["total"])
    apart = correct["b_dml"].mean(2) - correct["random"].mean(2)
    assert found["macro_accuracy"]["mean"] == pytest.approx(apart.mean())
    draw = np.random.default_rng(1)
    means = [apart[np.ix_(draw.integers(0, 2, 2), draw.integers(0, 10, 10))].mean() for _ in range(4000)]
    assert found["macro_accuracy"]["ci95"] == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.02)
    assert two_way_interval(apart) == pytest.approx(found["macro_accuracy"]["ci95"])


def test_rows_of_other_episodes_are_not_compared(place: Place) -> None:
    go(place)
    with pytest.raises(ConfigError, match=r"has protocol cat-6:6, x/cat-6-4/i_dml has protocol cat-6:4\. Only rows"):
        finished.compare(place.runs, "x/cat-6-6/i_dml", "x/cat-6-4/i_dml")
    with pytest.raises(StoreError, match=r"no such finished row\. Did you mean 'x/cat-6-6/i_dml'\?"):
        finished.compare(place.runs, "x/cat-6-6/i_dl", "x/cat-6-6/i_dml")
    ablate(place, GRID, QUICK | {"shots": 2}, "k", lambda *_: None)
    with pytest.raises(ConfigError, match="has shots 1, k/cat-6-6/i_dml has shots 2"):
        finished.compare(place.runs, "x/cat-6-6/i_dml", "k/cat-6-6/i_dml")
