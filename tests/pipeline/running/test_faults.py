"""A disk that refuses during a run: one line, no partial shard, and the next run ends with the right bytes."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import toy_pipeline
from toy_pipeline import CONFIG, make_root, run, tree

from cache.errors import AffectError, StoreError
from cache.files import PARTIAL
from cache.shard import Shard

LIMITED = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {support!r})
import toy_pipeline
from cache.errors import AffectError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    toy_pipeline.run(Path(sys.argv[1]), Path(sys.argv[2]))
except AffectError as error:
    print(error)
    raise SystemExit(2)
"""


def limited(root: Path, store: Path, limit: int = 1 << 30) -> subprocess.CompletedProcess[str]:
    """One extraction in a process of its own."""
    code = LIMITED.format(support=str(Path(toy_pipeline.__file__).parent), limit=limit)
    return subprocess.run([sys.executable, "-c", code, str(root), str(store)], capture_output=True, text=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_root(tmp_path / "data")
    return tmp_path / "data"


def only_whole_shards(store: Path) -> None:
    for path in store.rglob("shard-*.h5"):
        Shard(path)
    assert not list(store.rglob(f"{PARTIAL}*"))


@pytest.mark.parametrize("limit", [200, 5000, 6000])
def test_a_disk_that_takes_no_more_is_one_line_and_resumes(limit: int, root: Path, tmp_path: Path) -> None:
    """A limit on the size of a file, which the kernel enforces in the midst of a write, as a full disk or a quota."""
    store = tmp_path / "store"
    done = limited(root, store, limit)
    assert done.returncode == 2, done.stderr
    assert len(done.stdout.strip().splitlines()) == 1
    assert "cannot be written: File too large" in done.stdout
    only_whole_shards(store)
    run(root, store)
    run(root, tmp_path / "fresh")
    assert tree(store) == tree(tmp_path / "fresh")


def test_a_store_deleted_during_the_run_is_one_line(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"

    def delete() -> None:
        while not list(store.rglob("shard-*.h5")):
            time.sleep(0.001)
        shutil.rmtree(store, ignore_errors=True)

    deleting = threading.Thread(target=delete)
    deleting.start()
    with pytest.raises(StoreError, match="cannot be written: No such file or directory") as caught:
        run(root, store, CONFIG.replace("[stages.colour]", "[stages.colour]\npause = 0.05"))
    deleting.join()
    assert "\n" not in str(caught.value)
    run(root, store)
    run(root, tmp_path / "fresh")
    assert tree(store) == tree(tmp_path / "fresh")


def test_a_file_where_the_store_should_be_is_one_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(AffectError, match="Choose another STORE=") as caught:
        run(root, tmp_path / "store")
    assert "\n" not in str(caught.value)


def test_a_store_that_may_not_be_written_is_one_line(tmp_path: Path) -> None:
    """As an ordinary user also where the tests run as root; the lock is the first thing that is written."""
    folder = Path("/tmp") / f"affect-cache-{os.getpid()}"
    folder.mkdir(mode=0o555)
    code = """
import os, sys
from pathlib import Path
from cache.errors import AffectError
from cache.store import Store
if os.geteuid() == 0:
    os.setuid(65534)
try:
    with Store(Path(sys.argv[1])).lock("demo"):
        pass
except AffectError as error:
    print(error)
"""
    try:
        done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
        assert done.stdout == f"{folder}/demo: cannot be written: Permission denied. Choose another STORE=\n"
        assert not list(folder.iterdir())
    finally:
        shutil.rmtree(folder)
