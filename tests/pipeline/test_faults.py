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
import os, resource, signal, sys
from pathlib import Path
sys.path.insert(0, {support!r})
import toy_pipeline
from cache.errors import AffectError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
{more}
try:
    toy_pipeline.run(Path(sys.argv[1]), Path(sys.argv[2]))
except AffectError as error:
    print(error)
    raise SystemExit(2)
"""


def limited(root: Path, store: Path, limit: int = 1 << 30, more: str = "") -> subprocess.CompletedProcess[str]:
    """One extraction in a process of its own; ``more`` is run just before it."""
    code = LIMITED.format(support=str(Path(toy_pipeline.__file__).parent), limit=limit, more=more)
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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the test below drops that right")
def test_a_read_only_store_is_one_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o500)
    with pytest.raises(AffectError, match="Permission denied"):
        run(root, tmp_path / "store")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody; the test above is the same")
def test_a_store_that_another_user_owns_is_one_line(root: Path, tmp_path: Path) -> None:
    """The same as root, with the process of an ordinary user."""
    shared = Path("/tmp") / f"affect-cache-{os.getpid()}"
    try:
        shutil.copytree(root, shared / "data")
        (shared / "store").mkdir(mode=0o555)
        for path in [shared, *shared.rglob("*")]:
            path.chmod(0o555 if path == shared / "store" else 0o777)
        done = limited(shared / "data", shared / "store", more="os.setuid(65534)")
        assert done.returncode == 2, done.stderr
        assert "Permission denied. Choose another STORE=" in done.stdout
        assert not list((shared / "store").iterdir())
    finally:
        shutil.rmtree(shared)
