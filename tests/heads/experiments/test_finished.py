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
from one_shot_mappings import with_ties
from safetensors.torch import load_file
from toy_features import make_store, people

from cache.errors import ConfigError, StoreError
from heads.checkpoints import checkpoint
from heads.commands._grids import Outcome, ablate, table
from heads.experiments import code_version, finished
from heads.experiments.grid import Grid, cell
from heads.experiments.place import Place
from heads.known_protocols import find
from heads.statistics.interval import two_way_interval

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
    return Place(make_store(tmp_path / "store"), "demo", tmp_path / "runs", seeds=2)


def go(place: Place, grid: Grid = GRID, **values: Any) -> Outcome:
    return ablate(place, grid, QUICK | values, "x", lambda *_: None)


def without_seconds(folder: Path) -> dict[str, str]:
    """Every result and table below ``folder``, seconds and what is computed from them blanked."""
    texts = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".md", ".csv", ".tex"):
            text = re.sub(r'"(?:training_)?seconds": ?[\d.]+|"digest":"\w+"', "", path.read_text())
            text = re.sub(r"[\d.]+ *(\||\\\\)$", "", text, flags=re.M) if path.name != "table.csv" else text
            texts[str(path.relative_to(folder))] = re.sub(r"(?<=,)[\d.]+$", "", text, flags=re.M)
    return texts


def test_a_second_run_trains_nothing_and_gives_the_same_files(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (go(place).reused, go(place).reused) == (0, 6)
    before = {path: path.read_bytes() for path in place.runs.rglob("*") if path.is_file()}
    monkeypatch.setattr("heads.experiments.rows.run_together", lambda *_: pytest.fail("trained again"))
    assert go(place).wanted == 6
    assert before == {path: path.read_bytes() for path in place.runs.rglob("*") if path.is_file()}


def test_another_content_of_a_file_of_words_is_another_training(place: Place, tmp_path: Path) -> None:
    def numbers(shift: float) -> None:
        words = sorted(
            {word.lower() for name in place.store.manifest("demo").category_names for word in name.split("/")}
        )
        lines = [f"{word} {number + shift} 1 2" for number, word in enumerate(words)]
        (tmp_path / "words.txt").write_text("\n".join(lines))

    grid = Grid(heads=("mlp",), protocols=("multilabel",))
    settings = {"words": str(tmp_path / "words.txt"), "word_width": 3, "embedding_weight": 0.4, "features": ["body"]}

    def run() -> int:
        return ablate(place, grid, {"epochs": 1, "hidden": 4} | settings, "words", lambda *_: None).reused

    numbers(0)
    assert (run(), run()) == (0, 1)
    numbers(1)
    assert (run(), run()) == (0, 1)


def test_what_changes_a_number_is_trained_again(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(place)
    assert go(place, margin=0.3).reused == 2  # random has no margin
    go(place)
    assert go(replace(place, seeds=1)).reused == 0
    go(place)
    assert go(replace(place, mapping=with_ties(tmp_path, "drop"))).reused == 0
    go(place)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    assert go(place).reused == 0
    torch.set_num_threads(threads)
    go(place)
    monkeypatch.setattr(finished, "code_version", lambda *of: "another" if of[0] == "b_dml" else code(*of))
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
    (cells / "b_dml.json").write_text(json.dumps(content | {"scores": {"accuracy": {"seeds": 1, "resampled": []}}}))
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


CAT = find("cat-6:6")


def test_train_trains_whatever_is_there(place: Place) -> None:
    told: list[object] = []
    for _ in range(2):
        table(place, CAT, [cell("random", CAT, {"episodes": 5})], place.runs / "t", lambda *x: told.append(x))
    assert len(told) == 2


def test_the_code_version_follows_imports_and_ignores_remarks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = ("experiments/experiment", "models/i_dml", "models/b_dml", "protocols/one", "protocols/two")
    for name in (*names, "metrics/chosen", "shared", "apart"):
        path = tmp_path / "heads" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("from heads import shared\n" if name in ("models/i_dml", "protocols/two") else "X = 1\n")
    monkeypatch.setattr(code_version, "_ROOT", tmp_path)
    pairs = [(head, protocol) for head in ("i_dml", "b_dml") for protocol in ("one", "two")]

    def changed(name: str, text: str) -> list[bool]:
        """Whose version is another once the file holds ``text``."""
        before = [code_version.code_version.__wrapped__(*pair) for pair in pairs]
        (tmp_path / "heads" / f"{name}.py").write_text(text)
        return [code_version.code_version.__wrapped__(*pair) != one for pair, one in zip(pairs, before, strict=True)]

    assert not any(changed("apart", "X = 2\n"))
    assert not any(changed("experiments/experiment", "X = 1  # a remark\n"))
    assert changed("shared", "X = 2\n") == [True, True, False, True]
    assert changed("models/b_dml", "X = 2\n") == [False, False, True, True]
    assert changed("protocols/one", "X = 2\n") == [True, False, True, False]
    assert all(changed("metrics/chosen", "X = 2\n"))

    def judged(metrics: frozenset[str] | None) -> str:
        return code_version.code_version.__wrapped__("i_dml", "one", frozenset(), metrics)

    asked = [frozenset({"chosen"}), frozenset({"another"}), None]
    before = [judged(one) for one in asked]
    (tmp_path / "heads" / "metrics" / "added.py").write_text("X = 1\n")
    assert [judged(one) != was for one, was in zip(asked, before, strict=True)] == [False, False, True]
    before = [judged(one) for one in asked]
    (tmp_path / "heads" / "metrics" / "chosen.py").write_text("from heads import apart\n")
    assert [judged(one) != was for one, was in zip(asked, before, strict=True)] == [True, False, True]
    before = [judged(one) for one in asked]
    (tmp_path / "heads" / "apart.py").write_text("X = 3\n")
    assert [judged(one) != was for one, was in zip(asked, before, strict=True)] == [True, False, True]
    assert all(changed("experiments/experiment", "X = 2\n"))


def test_a_grid_killed_half_way_goes_on_and_ends_as_an_unbroken_one(place: Place, tmp_path: Path) -> None:
    grid = tmp_path / "mine.toml"
    grid.write_text(
        'heads = ["random", "i_dml", "b_dml"]\nprotocols = ["cat-6:6", "cat-6:4"]\n'
        'reference = "i_dml"\n[[settings]]\n[[settings]]\nname = "fast"\nlr = 3e-3\n'
    )
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
    assert 2 <= there < 12
    assert not (tmp_path / "broken" / "x" / "summary.json").exists()
    again = subprocess.run([*words, str(tmp_path / "broken")], capture_output=True, text=True, check=True)
    assert f"reused {there} of 12 cells" in again.stdout
    subprocess.run([*words, str(tmp_path / "whole")], capture_output=True, check=True)
    broken, whole = (without_seconds(tmp_path / name) for name in ("broken", "whole"))
    assert len(whole) == 4 + 2 * 4 + 12
    assert broken == whole


RATES = ({}, {"name": "fast", "lr": 3e-3}, {"name": "wide", "margin": 0.6}, {"name": "long", "epochs": 3})
SWEEP = Grid(heads=("i_dml", "random"), protocols=("cat-6:6",), settings=RATES, reference="i_dml")


def sweep(place: Place, **values: Any) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """What results.json holds, and all that was told: the row's name with an epoch or a result."""
    told: list[tuple[str, Any]] = []
    found = ablate(
        place, SWEEP, {"episodes": 10, "stream": 8, **values}, "s", lambda one, what: told.append((one.name, what))
    )
    (document,) = found.tables.values()
    return document, told


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heads.experiments.grid.MOST_MODELS", 1)


def test_rows_trained_together_are_the_rows_trained_alone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    document, told = sweep(place)
    folder = place.runs / "s"
    cells = {path.name: json.loads(path.read_text()) for path in (folder / "cells").iterdir()}
    states = {path.name: load_file(path) for path in folder.glob("*.safetensors")}
    one_by_one(monkeypatch)
    apart = replace(place, runs=place.runs / "apart")
    expected, told_apart = sweep(apart)
    assert [row["name"] for row in document["rows"]] == [row["name"] for row in expected["rows"]]
    for mine, theirs in zip(document["rows"], expected["rows"], strict=True):
        apart_from = {"seconds": 0, "training_seconds": 0, "history": {}}
        assert mine | apart_from == theirs | apart_from
        assert mine["history"]["validation"] == theirs["history"]["validation"]
        assert mine["history"]["loss"] == [pytest.approx(one, abs=1e-5) for one in theirs["history"]["loss"]]
    for name, cell_ in cells.items():
        other = json.loads((apart.runs / "s" / "cells" / name).read_text())
        assert (cell_["identity"], cell_["scores"]) == (other["identity"], other["scores"])
    for name, state in states.items():
        other_state = load_file(apart.runs / "s" / name)
        assert set(state) == set(other_state)
        for word, tensor in state.items():
            torch.testing.assert_close(tensor, other_state[word], rtol=0, atol=1e-5)
    epochs = [
        {name: [one.number for who, one in every if who == name and hasattr(one, "number")] for name, _ in every}
        for every in (told, told_apart)
    ]
    assert epochs[0] == epochs[1]
    order = [name for name, _ in told if name.startswith("i_dml")]
    assert order[:3] == ["i_dml", "i_dml-fast", "i_dml-wide"]


def test_a_finished_row_leaves_the_group(place: Place) -> None:
    whole, _ = sweep(place)
    (place.runs / "s" / "cells" / "i_dml-fast.json").unlink()
    (place.runs / "s" / "cells" / "i_dml-wide.json").unlink()
    again, told = sweep(place)
    assert {name for name, _ in told} == {"i_dml-fast", "i_dml-wide"}
    for mine, theirs in zip(again["rows"], whole["rows"], strict=True):
        assert mine["metrics"] == theirs["metrics"]


def test_a_row_is_written_before_the_next_one_is_scored(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    save, saved = checkpoint.save, []

    def once(path: Path, *rest: Any) -> None:
        saved.append(path.stem)
        if len(saved) > 1:
            raise KeyboardInterrupt
        save(path, *rest)

    monkeypatch.setattr(checkpoint, "save", once)
    with pytest.raises(KeyboardInterrupt):
        sweep(place)
    monkeypatch.undo()
    _, told = sweep(place)
    rows = {"i_dml", "i_dml-fast", "i_dml-wide", "i_dml-long"}
    assert {name for name, _ in told if name in rows} == rows - {saved[0]}


@pytest.mark.parametrize("alone", [True, False])
def test_a_row_that_explodes_says_so_in_its_place_and_the_others_are_trained(
    place: Place, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    if alone:
        one_by_one(monkeypatch)
    rates = ({}, {"name": "huge", "lr": 1e30}, {"name": "fast", "lr": 3e-3})
    grid = Grid(heads=("i_dml",), protocols=("cat-6:6",), settings=rates)
    found = ablate(place, grid, QUICK, "h", lambda *_: None)
    (document,) = found.tables.values()
    assert [row["name"] for row in document["rows"]] == ["i_dml", "i_dml-fast"]
    (absent,) = document["absent"]
    assert (absent["name"], absent["reason"], absent["settings"]["lr"]) == ("i_dml-huge", "loss not finite", 1e30)
    text = "i_dml-huge: seed 0: the loss is not a number in epoch 1. Take a learning rate below lr=1e+30; the row's "
    assert absent["error"].startswith(text)
    assert {"lr=1e+30", "margin=0.2", "metric_weight=0.5"} <= set(absent["error"].split())
    assert f"Not trained: {absent['error']}." in (place.runs / "h" / "table.md").read_text()
    with pytest.raises(ConfigError, match=r"^i_dml-huge: seed 0: the loss is not a number in epoch 1\."):
        ablate(place, Grid(heads=("i_dml",), protocols=("cat-6:6",), settings=rates[1:2]), QUICK, "n", lambda *_: None)


def test_two_rows_are_compared_seed_by_seed_and_resample_by_resample(place: Place) -> None:
    go(place)
    found = finished.compare(place.runs, "x/cat-6-6/b_dml", "x/cat-6-6/random")
    values = {}
    for name in ("b_dml", "random"):
        content = json.loads((place.runs / "x" / "cat-6-6" / "cells" / f"{name}.json").read_text())["scores"]
        values[name] = np.array(content["macro_accuracy"]["resampled"])
        np.testing.assert_allclose(content["macro_accuracy"]["seeds"], values[name].mean(1))
    assert values["b_dml"].shape == (2, 10)
    apart = values["b_dml"] - values["random"]
    assert found["macro_accuracy"]["mean"] == pytest.approx(apart.mean())
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


def test_rows_of_another_mapping_are_not_compared_and_the_line_names_what_differs(place: Place, tmp_path: Path) -> None:
    go(place)
    ablate(replace(place, mapping=with_ties(tmp_path, "drop")), GRID, QUICK, "m", lambda *_: None)
    told = r"^x/cat-6-6/i_dml has mapping \w{16}, m/cat-6-6/i_dml has mapping \w{16}\. Only rows over"
    with pytest.raises(ConfigError, match=told):
        finished.compare(place.runs, "x/cat-6-6/i_dml", "m/cat-6-6/i_dml")
