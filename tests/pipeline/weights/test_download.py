"""Downloads from a server on this machine that breaks, stalls, lies and redirects; real kills; two at once."""

import errno
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from file_server import FileServer, serving

from cache.errors import WeightsError
from pipeline.weights import transfer
from pipeline.weights.download import GAIN, Patience, Unreachable, download

REPOSITORY = Path(__file__).resolve().parents[3]
DATA = bytes(range(256)) * 1200
DIGEST = hashlib.sha256(DATA).hexdigest()
HASTE = Patience(stall=0.4, attempts=3, pause=0.01)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        server.files["net.pth"] = DATA
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights" / "net.pth"


def get(
    server: FileServer, path: Path, known: str = DIGEST[:8], patience: Patience = HASTE, published: int = 0
) -> list[str]:
    lines: list[str] = []
    download(f"{server.url}/{path.name}", path, known, patience, lines.append, published)
    return lines


def refusal(server: FileServer, path: Path, known: str = DIGEST[:8]) -> str:
    """The one line, which names file, address and folder."""
    with pytest.raises(WeightsError) as caught:
        get(server, path, known)
    text = str(caught.value)
    assert "\n" not in text
    for part in (path.name, f"{server.url}/{path.name}", f"{path.parent}/"):
        assert part in text
    assert not path.exists()
    return text


def left(path: Path) -> set[str]:
    return {one.name for one in path.parent.iterdir()}


def starts(server: FileServer) -> list[str | None]:
    return [asked for _, asked in server.asked]


def test_right(server: FileServer, path: Path) -> None:
    get(server, path)
    assert path.read_bytes() == DATA
    assert left(path) == {"net.pth"}
    get(server, path)
    assert len(server.asked) == 1, "a file that is there is not fetched again"


def test_the_whole_hash_is_checked_too(server: FileServer, path: Path) -> None:
    get(server, path, DIGEST)
    assert path.read_bytes() == DATA


def test_a_hash_that_was_not_known_is_said_and_recorded_as_sha256sum_writes_it(server: FileServer, path: Path) -> None:
    (line,) = get(server, path, "")
    assert DIGEST in line
    assert "not known before" in line
    done = subprocess.run(["sha256sum", "-c", "net.pth.sha256"], cwd=path.parent, capture_output=True, text=True)
    assert done.stdout.strip() == "net.pth: OK"


@pytest.mark.parametrize("manner", ["breaks", "stalls"])
def test_what_breaks_off_goes_on_where_it_stopped(server: FileServer, path: Path, manner: str) -> None:
    server.manners["net.pth"].extend([manner])
    (line,) = get(server, path)
    assert path.read_bytes() == DATA
    assert starts(server) == [None, f"bytes={len(DATA) // 2}-"]
    wanted = {"breaks": f"closed after {len(DATA) // 2} of {len(DATA)} bytes", "stalls": "not a byte in 0.4 s"}
    assert wanted[manner] in line
    assert "again in 0.01 s (2 of 3)" in line


def test_what_came_is_kept_for_the_next_run(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["breaks"] * 3)
    assert f"of {len(DATA)} bytes" in refusal(server, path)
    assert left(path) == {"net.pth.partial", "net.pth.partial.json"}
    lines = get(server, path)
    assert "goes on after 268.8 kB" in lines[0], "7/8 of 307.2 kB"
    assert path.read_bytes() == DATA
    assert left(path) == {"net.pth"}
    assert starts(server)[-1] == f"bytes={len(DATA) * 7 // 8}-"


def test_a_validator_may_be_a_date(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["dated breaks", "dated"])
    get(server, path, "")
    assert path.read_bytes() == DATA
    assert starts(server) == [None, f"bytes={len(DATA) // 2}-"]


def test_progress_starts_the_count_of_tries_anew(server: FileServer, path: Path) -> None:
    server.files["net.pth"] = data = bytes(4 * GAIN)
    server.manners["net.pth"].extend([f"drips {GAIN}"] * 3)
    get(server, path, hashlib.sha256(data).hexdigest(), Patience(1, 2, 0.01))
    assert path.read_bytes() == data


def test_without_ranges_it_starts_again(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["plain breaks", "plain"])
    get(server, path)
    assert path.read_bytes() == DATA
    assert starts(server) == [None, f"bytes={len(DATA) // 2}-"]


@pytest.mark.parametrize("known", [DIGEST[:8], ""])
@pytest.mark.parametrize("manner", ["right", "deaf", "plain"])
def test_a_file_that_changed_between_two_tries_is_not_mixed(
    server: FileServer, path: Path, known: str, manner: str
) -> None:
    server.files["net.pth"] = DATA[::-1]
    server.manners["net.pth"].extend(["breaks"] * 3)
    refusal(server, path, known)
    server.files["net.pth"] = DATA
    server.manners["net.pth"].extend([manner])
    get(server, path, known)
    assert path.read_bytes() == DATA


def test_without_hash_or_validator_nothing_is_added_to_old_bytes(server: FileServer, path: Path) -> None:
    path.parent.mkdir()
    path.with_name("net.pth.partial").write_bytes(b"x" * 1000)
    get(server, path, "")
    assert path.read_bytes() == DATA
    assert starts(server) == [None]


@pytest.mark.parametrize("old", [b"x" * 1000, b"x" * len(DATA), DATA + b"x", DATA])
def test_bytes_from_before_that_do_not_fit_are_thrown_away(server: FileServer, path: Path, old: bytes) -> None:
    path.parent.mkdir()
    path.with_name("net.pth.partial").write_bytes(old)
    get(server, path)
    assert path.read_bytes() == DATA
    assert left(path) == {"net.pth"}


def test_a_wrong_file_is_kept_aside(server: FileServer, path: Path) -> None:
    server.files["net.pth"] = DATA[::-1]
    got = hashlib.sha256(DATA[::-1]).hexdigest()[:8]
    assert f"sha256 begins with {got}, not {DIGEST[:8]}" in refusal(server, path)
    assert left(path) == {"net.pth.rejected"}


@pytest.mark.parametrize("known", [DIGEST[:8], ""])
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"\n<!DOCTYPE html><p>gone", "begins with '<!doctype html>"),
        (b"version https://git-lfs.github.com/spec/v1", "begins with 'version https://git-lfs"),
        (b'{"error": "Not found"}', 'begins with \'{"error"'),
        (b"", "it is empty"),
    ],
)
def test_something_else_in_its_place(server: FileServer, path: Path, body: bytes, told: str, known: str) -> None:
    server.files["net.pth"] = body
    assert told in refusal(server, path, known)
    assert left(path) == set()
    assert len(server.asked) == 1, "another try would not mend it"


def test_a_web_page_leaves_what_came_before_alone(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["breaks", "page"])
    assert "web page (text/html)" in refusal(server, path)
    assert path.with_name("net.pth.partial").read_bytes() == DATA[: len(DATA) // 2]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_status_that_stays_is_not_tried_again(server: FileServer, path: Path, status: int) -> None:
    server.manners["net.pth"].extend([status])
    assert f"the server says {status} " in refusal(server, path)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_status_that_passes_is_tried_again(server: FileServer, path: Path, status: int) -> None:
    server.manners["net.pth"].extend([status, status])
    assert all(f"the server says {status} " in line for line in get(server, path))
    assert path.read_bytes() == DATA


def test_pauses_double(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend([503, 503])
    lines = get(server, path, patience=Patience(1, 3, 0.02))
    assert [line.rpartition("again in ")[2] for line in lines] == ["0.02 s (2 of 3)", "0.04 s (3 of 3)"]


def test_a_length_that_is_never_reached(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["long"])
    get(server, path)
    assert path.read_bytes() == DATA, "416 says that the file was whole"


def test_chunks_have_no_length(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["chunked"])
    get(server, path, "")
    assert path.read_bytes() == DATA


def test_neither_length_nor_hash(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["mute", "mute"])
    assert "does not say how long" in refusal(server, path, "")
    get(server, path)
    assert path.read_bytes() == DATA


def test_redirects(server: FileServer, path: Path) -> None:
    server.files["deep/there.pth"] = DATA
    server.manners["net.pth"].extend([(f"{server.url}/deep/there.pth", {}), (f"{server.url}/deep/there.pth", {})])
    server.manners["deep/there.pth"].extend(["breaks"])
    get(server, path)
    assert path.read_bytes() == DATA
    assert server.asked[-1] == ("deep/there.pth", f"bytes={len(DATA) // 2}-")


def test_a_redirect_that_never_ends(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend([(f"{server.url}/net.pth", {})] * 20)
    assert "302" in refusal(server, path)


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/net.pth", "file:///etc/passwd"])
def test_redirects_go_to_the_web_only(server: FileServer, path: Path, target: str) -> None:
    server.manners["net.pth"].extend([(target, {})])
    assert re.search(f"{target}.* is not (followed|allowed)", refusal(server, path))


def test_no_redirect_from_https_to_http() -> None:
    from email.message import Message
    from io import BytesIO
    from urllib.request import Request

    for old, new, allowed in (("https", "http", False), ("http", "https", True), ("https", "https", True)):
        args = Request(f"{old}://example.org/a"), BytesIO(), 302, "Found", Message(), f"{new}://example.org/b"
        if allowed:
            assert transfer._Redirects().redirect_request(*args).full_url == args[-1]
        else:
            with pytest.raises(transfer.Broken, match=r"leads from https to http://example\.org/b"):
                transfer._Redirects().redirect_request(*args)


def test_the_hash_that_a_hub_names_is_checked(server: FileServer, path: Path) -> None:
    server.files["blob"] = DATA
    server.manners["net.pth"].append((f"{server.url}/blob", {"X-Linked-ETag": f'"{DIGEST}"'}))
    assert "as the server says" in get(server, path, "")[0]
    path.unlink()
    server.manners["net.pth"].append((f"{server.url}/blob", {"X-Linked-ETag": f'"{DIGEST[::-1]}"'}))
    assert f"not {DIGEST[::-1][:8]}" in refusal(server, path, "")


@pytest.mark.parametrize("tag", [f'"{"a" * 40}"', 'W/"5f2c"', '"5f2c-1a"', f'"{DIGEST.upper()}"', f"{DIGEST}0"])
def test_what_a_hub_names_is_its_hash_only_when_it_is_a_sha256(server: FileServer, path: Path, tag: str) -> None:
    server.files["blob"] = DATA
    server.manners["net.pth"].append((f"{server.url}/blob", {"X-Linked-ETag": tag}))
    assert "not known before" in get(server, path, "")[0]
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("manner", ["mute", "chunked"])
@pytest.mark.parametrize("data", [DATA, DATA * 2])
def test_an_answer_without_length_ends_at_a_tenth_above_the_published_size(
    server: FileServer, path: Path, manner: str, data: bytes
) -> None:
    server.files["net.pth"] = data
    server.manners["net.pth"].append(manner)
    known = hashlib.sha256(data).hexdigest()
    if data == DATA:
        get(server, path, known, published=len(DATA))
        assert path.read_bytes() == DATA
        return
    told = "the server sends more than 337.9 kB, a tenth above its published size"
    with pytest.raises(WeightsError, match=rf"^net\.pth: {told}: another file\. By hand: .*/net\.pth into .*/$"):
        get(server, path, known, published=len(DATA))
    assert left(path) == set(), "not even what came"
    assert len(server.asked) == 1


def test_without_a_published_size_there_is_a_limit_too(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert transfer.LARGEST == 8_000_000_000
    monkeypatch.setattr(transfer, "LARGEST", 100_000)
    for manner in ("mute", "right"):
        server.manners["net.pth"].append(manner)
        assert "more than 100.0 kB, the most that is taken where no size is published" in refusal(server, path)
        assert left(path) == set()


def test_an_announced_length_above_the_limit_is_not_read(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["stalls"])
    told = "the server announces 307.2 kB, more than 110.0 kB, a tenth above its published size"
    with pytest.raises(WeightsError, match=rf"^net\.pth: {told}: another file\. By hand: "):
        get(server, path, published=100_000)
    assert left(path) == set()


def test_what_came_before_is_kept_when_too_much_is_announced(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].append("plain")
    path.parent.mkdir()
    path.with_name("net.pth.partial").write_bytes(DATA[:1000])
    with pytest.raises(WeightsError, match=r"announces 307\.2 kB"):
        get(server, path, published=100_000)
    assert path.with_name("net.pth.partial").read_bytes() == DATA[:1000]


def test_nobody_listens(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    lines: list[str] = []
    with pytest.raises(Unreachable, match=r"net\.pth: the server cannot be reached: Connection refused\. By hand: "):
        download("http://127.0.0.1:9/net.pth", path, "", HASTE, lines.append)
    assert len(lines) == 2
    assert left(path) == set()


def test_no_name_is_resolved_without_a_network(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(Unreachable, match=r"the server cannot be reached: "):
        download("http://nowhere.invalid/net.pth", path, "", HASTE, lambda _: None)


def test_a_disk_that_is_too_small_is_seen_before(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5000}))
    assert "the disk is too full: 307.2 kB to come, 5.0 kB free" in refusal(server, path)


def test_a_disk_that_fills_keeps_what_came(server: FileServer, path: Path) -> None:
    """A real refusal by the kernel: the process may not write files beyond 100,000 bytes."""
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000));"
        "from pipeline.weights.download import *;"
        f"download({server.url + '/net.pth'!r}, Path({str(path)!r}), {DIGEST[:8]!r}, Patience(), print)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert f"net.pth: cannot be written: {os.strerror(errno.EFBIG)}" in done.stderr
    assert path.with_name("net.pth.partial").stat().st_size == 100000
    get(server, path)
    assert path.read_bytes() == DATA
    assert starts(server)[-1] == "bytes=100000-"


def test_a_folder_that_cannot_be(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file")
    with pytest.raises(WeightsError, match="cannot be written: File exists"):
        get(server, tmp_path / "weights" / "net.pth")


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_nothing_is_written_through_a_link(server: FileServer, path: Path, link: Callable[[Path, Path], None]) -> None:
    path.parent.mkdir()
    precious = path.parent.parent / "precious.txt"
    precious.write_text("mine")
    partial = path.with_name("net.pth.partial")
    link(precious, partial)
    with pytest.raises(WeightsError) as caught:
        get(server, path)
    assert re.fullmatch(rf"{partial}: is .*\. Delete it, then run the same command again", str(caught.value))
    assert precious.read_text() == "mine"
    assert server.asked == []
    partial.unlink()
    for name in ("net.pth.partial.json", "net.pth.sha256"):
        link(precious, path.with_name(name))
    server.manners["net.pth"].extend(["breaks"])
    get(server, path, "")
    assert (path.read_bytes(), precious.read_text()) == (DATA, "mine")
    assert DIGEST in path.with_name("net.pth.sha256").read_text()


def test_a_link_to_nothing_and_a_pipe_are_refused_too(server: FileServer, path: Path) -> None:
    path.parent.mkdir()
    partial = path.with_name("net.pth.partial")
    partial.symlink_to(path.parent / "nowhere")
    with pytest.raises(WeightsError, match=r"partial: is a symbolic link"):
        get(server, path)
    assert left(path) == {"net.pth.partial"}
    partial.unlink()
    os.mkfifo(partial)
    with pytest.raises(WeightsError, match=r"partial: is no plain file"):
        get(server, path)


FAULTS = ["breaks", "plain breaks", "deaf", "dated", "dated breaks", "right", "plain", "drips 999", "long", "page"]


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("known", [True, False])
def test_whatever_the_server_does_the_file_is_absent_or_right(
    server: FileServer, path: Path, seed: int, known: bool
) -> None:
    """Faults drawn at random, and now and then another file on the server."""
    random = Random(seed)
    for _ in range(30):
        server.files["net.pth"] = data = random.choice([DATA, DATA[::-1], DATA[:-5]])
        server.manners["net.pth"].clear()
        server.manners["net.pth"].extend(random.choice([*FAULTS, 404, 503]) for _ in range(3))
        with suppress(WeightsError):
            get(server, path, hashlib.sha256(data).hexdigest()[:8] if known else "", Patience(1, 2, 0.001))
        if path.exists():
            assert path.read_bytes() == data
            path.unlink()
    for left_over in path.parent.glob("*.part*"):
        assert left_over.name in ("net.pth.partial", "net.pth.partial.json")


def test_a_note_that_is_damaged_is_none(server: FileServer, path: Path) -> None:
    path.parent.mkdir()
    for note in ("", "[]", '{"url": 5}', '{"url": "a", "validator": "\\n"}', "\x00"):
        path.with_name("net.pth.partial").write_bytes(DATA[:1000])
        path.with_name("net.pth.partial.json").write_text(note)
        get(server, path, "")
        assert path.read_bytes() == DATA
        path.unlink()
    assert starts(server) == [None] * 5


def process(server: FileServer, path: Path) -> subprocess.Popen[str]:
    code = (
        "from pipeline.weights.download import *; from pathlib import Path;"
        f"download({server.url + '/net.pth'!r}, Path({str(path)!r}), {DIGEST[:8]!r}, Patience(30, 5, 0.05), print)"
    )
    environment = os.environ | {"no_proxy": "*"}
    return subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, stdout=-1, text=True)


def wait_for(what: object, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_kill_in_the_middle_loses_nothing(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["stalls"])
    partial = path.with_name("net.pth.partial")
    with process(server, path) as running:
        wait_for(lambda: partial.exists() and partial.stat().st_size == len(DATA) // 2)
        running.kill()
    assert running.returncode == -signal.SIGKILL
    assert not path.exists()
    get(server, path)
    assert path.read_bytes() == DATA
    assert starts(server) == [None, f"bytes={len(DATA) // 2}-"]
    assert left(path) == {"net.pth"}


def test_two_at_once_fetch_it_once(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["stalls"])
    partial = path.with_name("net.pth.partial")
    with process(server, path) as first:
        wait_for(lambda: partial.exists() and partial.stat().st_size == len(DATA) // 2)
        with process(server, path) as second:
            assert second.stdout is not None
            assert "another process is fetching it; waiting" in second.stdout.readline()
            server.release.set()
            second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert path.read_bytes() == DATA
    assert left(path) == {"net.pth"}
    assert starts(server) == [None, f"bytes={len(DATA) // 2}-"], "the second asked for nothing"


def test_the_second_goes_on_when_the_first_is_killed(server: FileServer, path: Path) -> None:
    server.manners["net.pth"].extend(["stalls"])
    partial = path.with_name("net.pth.partial")
    with process(server, path) as first:
        wait_for(lambda: partial.exists() and partial.stat().st_size == len(DATA) // 2)
        with process(server, path) as second:
            assert second.stdout is not None
            assert "waiting" in second.stdout.readline()
            first.kill()
            second.communicate()
    assert (first.returncode, second.returncode) == (-signal.SIGKILL, 0)
    assert path.read_bytes() == DATA
    assert starts(server) == [None, f"bytes={len(DATA) // 2}-"]
