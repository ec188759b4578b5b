"""Whole or absent: under kills, a full disk, folders that cannot be written."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cache import files
from cache.errors import StoreError
from cache.files import PARTIAL, make_folder, read_json, replace, replace_text, sweep

SLOW_WRITER = """
import sys, time
from pathlib import Path
from cache.files import replace

def parts():
    for _ in range(50):
        yield b"x" * 1000
        time.sleep(0.0005)

target = Path(sys.argv[1])
print("ready", flush=True)
while True:
    replace(target, parts())
    target.unlink()
"""
WHOLE = 50_000


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "x.txt"
    make_folder(path.parent)
    replace_text(path, "one")
    replace_text(path, "two")
    assert path.read_text() == "two"
    assert [one.name for one in path.parent.iterdir()] == ["x.txt"]


def test_sigkill_leaves_the_target_whole_or_absent(tmp_path: Path) -> None:
    dice, target, torn, landed = random.Random(1), tmp_path / "x.bin", 0, 0
    for _ in range(12):
        child = subprocess.Popen([sys.executable, "-c", SLOW_WRITER, str(target)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(dice.uniform(0, 0.15))
        child.send_signal(signal.SIGKILL)
        landed += child.wait() == -signal.SIGKILL
        child.stdout.close()
        assert not target.exists() or target.stat().st_size == WHOLE
        partials = list(tmp_path.glob(f"{PARTIAL}*"))
        torn += any(partial.stat().st_size < WHOLE for partial in partials)
        assert sweep(tmp_path) == len(partials)
    assert landed == 12
    assert torn > 0, "no kill fell into a write: the test proves nothing"
    assert set(tmp_path.iterdir()) <= {target}


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_refusing_disk_is_one_line_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    def parts() -> Iterator[bytes]:
        yield b"half"
        if step == "write":
            refuse()

    target = tmp_path / "x.bin"
    target.write_bytes(b"before")
    if step != "write":
        monkeypatch.setattr(files.os, step, refuse)
    with pytest.raises(StoreError) as error:
        replace(target, parts())
    cure = "Nothing half-written was kept; mend it and run the same command again"
    assert str(error.value) == f"{target}: cannot be written: {os.strerror(number)}. {cure}"
    assert [one.name for one in tmp_path.iterdir()] == ["x.bin"]
    assert target.read_bytes() == b"before"


def test_a_file_that_outgrows_its_limit_is_one_line(tmp_path: Path) -> None:
    """The kernel's own refusal, in a child whose files may have 4 KB."""
    code = (
        "import resource, signal, sys; from pathlib import Path; from cache.files import replace_text\n"
        "from cache.errors import StoreError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: replace_text(Path(sys.argv[1]), 'x' * 100_000)\n"
        "except StoreError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{tmp_path / 'x'}: cannot be written: File too large. ")
    assert len(done.stdout.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folders_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("I am a file")
    with pytest.raises(StoreError, match="cannot be written"):
        replace_text(tmp_path / "store" / "x.json", "{}")
    with pytest.raises(StoreError, match=r"cannot be made: (Not a directory|File exists)"):
        make_folder(tmp_path / "store" / "demo")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_writer_that_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def parts() -> Iterator[bytes]:
        yield b"half"
        raise error

    with pytest.raises(error):
        replace(tmp_path / "x", parts())
    assert list(tmp_path.iterdir()) == []


def test_reads_json(tmp_path: Path) -> None:
    replace_text(tmp_path / "x.json", '{"a": 1}')
    assert read_json(tmp_path / "x.json") == {"a": 1}
    with pytest.raises(StoreError, match=r"no such file\. Run make extract first"):
        read_json(tmp_path / "y.json")
    for bad in (b"{", b"\xff", b"", b"[" * 100_000):
        (tmp_path / "bad.json").write_bytes(bad)
        with pytest.raises(StoreError, match="not readable as JSON") as error:
            read_json(tmp_path / "bad.json")
        assert len(str(error.value).splitlines()) == 1


def test_sweep_takes_partials_only(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / f"{PARTIAL}shard-00001.h5").touch()
    (tmp_path / "a" / "shard-00001.h5").touch()
    assert sweep(tmp_path) == 1
    assert (tmp_path / "a" / "shard-00001.h5").exists()
    assert sweep(tmp_path / "absent") == 0
