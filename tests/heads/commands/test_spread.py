"""A grid by Dask's workers: the same digits as in one process; a killed worker's work is done by another."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from toy_features import make_store

from heads.cli import main

REPOSITORY = Path(__file__).parents[3]
GRID = """
heads = ["ib_dml", "i_dml", "random"]
protocols = ["cat-6:6", "cat-6:4"]
[[settings]]
epochs = 4
patience = 0

[[settings]]
name = "small"
stream = 16
epochs = 4
patience = 0

"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    make_store(tmp_path / "store")
    (tmp_path / "grid.toml").write_text(GRID)
    return ["ablate", "--grid", str(tmp_path / "grid.toml"), "--store", str(tmp_path / "store"), "--seeds", "2"]


def told(folder: Path) -> dict[str, Any]:
    """Every row of every table without its seconds."""
    found = {}
    for path in sorted(folder.rglob("results.json")):
        rows = json.loads(path.read_text())["rows"]
        found[path.parent.name] = [{key: row[key] for key in row if "seconds" not in key} for row in rows]
    return found


def test_the_digits_are_those_of_one_process_though_a_worker_is_killed(words: list[str], tmp_path: Path) -> None:
    assert main([*words, "--threads", "1", "--runs", str(tmp_path / "one")]) == 0
    runs = tmp_path / "many"
    command = [sys.executable, "-m", "heads", *words, "--threads", "1", "--runs", str(runs), "--executor", "dask"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    deadline = time.monotonic() + 120
    while not list(runs.rglob("cells/*.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    (victim, *_) = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    before = len(list(runs.rglob("cells/*.json")))
    victim.send_signal(signal.SIGKILL)
    said, complaints = process.communicate(timeout=200)
    assert process.returncode == 0, complaints
    assert 0 < before < 10, "the kill must land half way"
    assert "cells were trained by Dask's workers" in said
    assert told(runs) == told(tmp_path / "one")
    assert sum(len(rows) for rows in told(runs).values()) == 10


def test_what_cannot_be_had_is_said_at_once(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for more, line in [
        (["--executor", "dsk"], "no executor 'dsk'. Did you mean 'dask'"),
        (["--executor", "dask", "--workers", "0"], "WORKERS=0: there must be at least 1"),
        (["--executor", "dask", "--scheduler", "tcp://127.0.0.1:9"], "SCHEDULER=tcp://127.0.0.1:9: no Dask scheduler"),
    ]:
        assert main([*words, *more]) == 2
        assert line in capsys.readouterr().err
