"""Dask: the same bytes as in one process, a killed worker costs one shard, what cannot be had is said at once."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from toy_pipeline import tree

from pipeline.cli import main
from pipeline.demo.scenes.write import write_demo

REPOSITORY = Path(__file__).parents[3]
CONFIG = """
dataset = "demo"
shard_images = 4
[stages.image]
stage = "backbone"
model = "shufflenet_v2_x0_5"
size = [64, 64]
batch_size = 2
[stages.body]
stage = "backbone"
input = "body"
model = "shufflenet_v2_x0_5"
size = [64, 64]
batch_size = 2
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dask")
    write_demo(folder / "demo", scenes=40, seed=3)
    (folder / "config.toml").write_text(CONFIG)
    return folder


def words(data: Path, store: Path, *more: str) -> list[str]:
    places = ["--root", str(data / "demo"), "--store", str(store), "--config", str(data / "config.toml")]
    return ["extract", "--untrained", "--threads", "1", "--weights", str(data / "none"), *places, *more]


@pytest.fixture(scope="module")
def local(data: Path) -> dict[str, str]:
    assert main(words(data, data / "local")) == 0
    return tree(data / "local")


def test_a_worker_killed_half_way_costs_only_its_shard(data: Path, local: dict[str, str], tmp_path: Path) -> None:
    store = tmp_path / "store"
    command = [sys.executable, "-m", "pipeline", *words(data, store, "--executor", "dask")]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(store.rglob("shard-*.h5")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    written = len(list(store.rglob("shard-*.h5")))
    children = psutil.Process(process.pid).children(recursive=True)
    (victim, *_) = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    victim.send_signal(signal.SIGKILL)
    _, complaints = process.communicate(timeout=200)
    assert process.returncode == 0, complaints
    assert 0 < written < 20, "the kill must land half way"
    assert not psutil.pid_exists(victim.pid)
    left = tree(store)  # the next command sweeps up what the victim was writing
    assert {path: digest for path, digest in left.items() if ".partial" not in path} == local


def test_an_interrupt_leaves_a_store_that_goes_on(data: Path, local: dict[str, str], tmp_path: Path) -> None:
    """Only the driver gets the signal, as from ``kill -INT``; finished shards stay and nothing half-written counts."""
    store = tmp_path / "store"
    command = [sys.executable, "-m", "pipeline", *words(data, store, "--executor", "dask")]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(store.rglob("shard-*.h5")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert "the same command goes on from there" in complaints
    assert "Traceback" not in complaints
    kept = {path: digest for path, digest in tree(store).items() if path.endswith(".h5") and ".partial" not in path}
    assert 0 < len(kept) < 20
    assert kept.items() <= local.items()
    assert main(words(data, store)) == 0
    assert tree(store) == local


def test_what_cannot_be_had_is_said_within_seconds(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    assert main(words(data, tmp_path / "store", "--executor", "dask", "--device", "cuda")) == 2
    assert "none of 2 workers offers the resource GPU" in capsys.readouterr().err
    assert main(words(data, tmp_path / "store", "--executor", "dask", "--scheduler", "tcp://127.0.0.1:9")) == 2
    error = capsys.readouterr().err
    assert "SCHEDULER=tcp://127.0.0.1:9: no Dask scheduler answers there" in error
    assert error.count("\n") == 1
    assert time.monotonic() - started < 60
