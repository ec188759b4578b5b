"""`make weights`: what a config needs, what is there, what comes; the list for machines without a network."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from file_server import FileServer, serving

from pipeline.cli import main
from pipeline.weights import catalogue as module
from pipeline.weights.origins import Weight

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIG = """
dataset = "demo"
[stages.image]
stage = "backbone"
weights = "one"
[stages.body]
stage = "backbone"
input = "body"
weights = "one"
[stages.more]
stage = "backbone"
weights = "timm/two.tag"
[stages.face]
[stages.pose]
model = "rtmpose-t"
untrained = true
"""
DATA = bytes(range(256)) * 1000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serves the two files that CONFIG needs; `one` is in the table, with its address here."""
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        server.files = {"one.pth": DATA, "two.tag.safetensors": DATA[::-1]}
        entry = Weight("one", ("one.pth",), f"{server.url}/one.pth", sha(DATA)[:8], "MIT", "made here")
        monkeypatch.setattr(module, "WEIGHTS", {"one": entry} | module.WEIGHTS)
        yield server


@pytest.fixture
def words(server: FileServer, tmp_path: Path) -> list[str]:
    (tmp_path / "config.toml").write_text(CONFIG)
    where = ["--config", str(tmp_path / "config.toml"), "--weights", str(tmp_path / "w")]
    return ["weights", *where, "--attempts", "1", "--stall", "2"]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def names(server: FileServer) -> list[str]:
    return [name for name, _ in server.asked]


def complaint(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """The one line of an error; progress is of other lines."""
    assert main(words) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    return lines[0]


def test_what_is_absent_comes_once(
    server: FileServer, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = ["--mirror", f"{server.url}/"]
    assert main(words + mirror) == 0
    out = capsys.readouterr().out.splitlines()
    assert names(server) == ["one.pth", "two.tag.safetensors"], "neither twice, nor the untrained or bundled ones"
    assert {path.name for path in (tmp_path / "w").iterdir()} == {
        *("one.pth", "two.tag.safetensors", "two.tag.safetensors.sha256")
    }
    assert (tmp_path / "w" / "one.pth").read_bytes() == DATA
    assert out[0] == f"to fetch into {tmp_path}/w/, each under its own licence:"
    assert out[1] == f"  one.pth: MIT; made here; {server.url}/one.pth"
    assert "see huggingface.co/timm/two.tag" in out[2]
    assert out[2].endswith("its hash is not known")
    assert sha(DATA[::-1]) in out[3]
    assert out[-1] == "weights for demo: all 3 are there, 2 fetched"
    assert main(words + mirror) == 0
    assert capsys.readouterr().out == "weights for demo: all 3 are there, nothing to fetch\n"
    assert len(server.asked) == 2


def test_much_more_than_the_published_size_is_not_taken(
    server: FileServer, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = replace(module.WEIGHTS["one"], megabytes=0.2)
    monkeypatch.setattr(module, "WEIGHTS", module.WEIGHTS | {"one": small})
    text = complaint(capsys, [*words, "--stages", "body"])
    assert "one.pth: the server announces 256.0 kB, more than 230.7 kB, a tenth above its published size" in text


def test_stages_may_be_chosen(server: FileServer, words: list[str]) -> None:
    assert main([*words, "--stages", "body face"]) == 0
    assert names(server) == ["one.pth"]


def test_the_demo_has_nothing_to_fetch(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["weights", "--weights", str(tmp_path / "w")]) == 0
    assert capsys.readouterr().out == "weights for demo: all 4 are there, nothing to fetch\n"
    assert not (tmp_path / "w").exists()


def test_one_that_fails_holds_up_no_other(
    server: FileServer, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.manners["one.pth"].append(404)
    text = complaint(capsys, [*words, "--mirror", server.url])
    assert f"one.pth: the server says 404 Not Found. By hand: {server.url}/one.pth into {tmp_path}/w/" in text
    assert (tmp_path / "w" / "two.tag.safetensors").read_bytes() == DATA[::-1]


def test_all_faults_are_in_the_one_line(
    server: FileServer, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "one.pth").write_bytes(b"another")
    config = tmp_path / "config.toml"
    config.write_text(CONFIG + '[stages.own]\nstage = "backbone"\nweights = "file:best.pth"\n')
    server.files.pop("two.tag.safetensors")
    text = complaint(capsys, [*words, "--mirror", server.url])
    assert text.startswith("error: 3 of 4 files of weights are not there. ")
    assert f"one.pth: sha256 begins with {sha(b'another')[:8]}, not {sha(DATA)[:8]}" in text
    assert f"{tmp_path}/w/best.pth is absent; it is your own checkpoint: put it there" in text
    assert "two.tag.safetensors: the server says 404 Not Found" in text
    assert "timm's names carry the training's tag, as in timm/resnet50.a1_in1k" in text
    assert names(server) == ["two.tag.safetensors"]
    assert (tmp_path / "w" / "one.pth").read_bytes() == b"another", "nothing of the user's is deleted"


def test_of_a_server_that_does_not_answer_one_file_is_tried(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = complaint(capsys, [*words, "--mirror", "http://127.0.0.1:9"])
    assert text.count("cannot be reached: Connection refused") == 1
    assert "two.tag.safetensors: not tried after that. By hand: http://127.0.0.1:9/two.tag.safetensors" in text


def test_the_list_asks_nobody(
    server: FileServer, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "one.pth").write_bytes(DATA)
    assert main([*words, "--list"]) == 0
    out = capsys.readouterr().out
    assert "present  one.pth  (256.0 kB; MIT; for image, body)" in out
    assert f"made here: {server.url}/one.pth" in out
    assert " absent  two.tag.safetensors  (size not known; see huggingface.co/timm/two.tag; for more)" in out
    assert "facenet-pytorch 2.5.3: ships with the code" in out
    url = "https://huggingface.co/timm/two.tag/resolve/main/model.safetensors"
    assert out.splitlines()[-3:] == [
        "by hand, on a machine with a network:",
        f"  mkdir -p {tmp_path}/w",
        f"  wget -c -O {tmp_path}/w/two.tag.safetensors {url}",
    ]
    assert server.asked == []


def test_the_list_as_json(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "one.pth").write_bytes(b"no")
    assert main([*words, "--list", "--json", "--stages", "body more face"]) == 0
    one, two, faces = json.loads(capsys.readouterr().out)
    assert (one["state"], two["state"], faces["state"]) == ("wrong", "absent", "present")
    assert (one["bytes"], two["bytes"]) == (2, None)
    assert one["features"] == ["body"]
    assert (one["sha256"], two["sha256"], faces["url"]) == (sha(DATA)[:8], None, None)
    assert two["url"].endswith("/timm/two.tag/resolve/main/model.safetensors")
    keys = {"name", "file", "folder", "url", "bytes", "sha256", "licence", "source", "bundled", "features", "state"}
    assert all(one.keys() == keys for one in (one, two, faces))


def test_published_sizes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """resnet18-f37072fd.pth has 46,830,571 bytes; torchvision tells 44.661 MiB."""
    assert main(["weights", "--dataset", "emotic", "--stages", "body", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["bytes"] == pytest.approx(46830571, abs=1000)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (["--stages", "bdy"], "no stage 'bdy'. Did you mean 'body'?"),
        (["--mirror", "host/folder"], "MIRROR=host/folder: the address of a folder is wanted"),
        (["--mirror", "ftp://host/folder"], "MIRROR=ftp://host/folder"),
        (["--mirror", "http://a host/folder"], "MIRROR=http://a host/folder"),
        (["--mirror", "http://[::1/x"], "MIRROR=http://[::1/x"),
        (["--mirror", "http://host:port"], "MIRROR=http://host:port"),
    ],
)
def test_words_that_cannot_be(
    words: list[str], more: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wanted in complaint(capsys, words + more)


@pytest.mark.parametrize("name", ["attempts", "stall"])
def test_patience_is_a_whole_number(words: list[str], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*words, f"--{name}", "0"])
    assert f"{name.upper()}=0: a whole number from 1" in capsys.readouterr().err


def test_a_name_that_is_nobodys(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.replace('"one"', '"resnet_50"'))
    assert "no weights 'resnet_50'. Did you mean 'resnet50'?" in complaint(capsys, words)


def test_extract_names_all_that_is_absent_and_the_command(
    server: FileServer, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.replace("demo", "table"))
    (tmp_path / "labels.csv").write_text("image,labels\na.jpg,calm\n")
    root, store = ["--dataset", "table", "--root", str(tmp_path)], ["--store", str(tmp_path / "store")]
    text = complaint(capsys, ["extract", *words[1:5], *root, *store, "--stages", "body more"])
    assert f"absent from {tmp_path}/w/: one.pth, two.tag.safetensors. " in text
    where = f"CONFIG={tmp_path}/config.toml WEIGHTS={tmp_path}/w"
    assert f'make weights DATASET=table STAGES="body more" {where} fetches them (LIST=1' in text
    assert "UNTRAINED=1 goes on without" in text
    assert not (tmp_path / "store").exists()


def test_a_command_that_is_killed_goes_on(server: FileServer, tmp_path: Path) -> None:
    """SIGKILL of the real command in the middle of a file whose hash nobody knows."""
    (tmp_path / "config.toml").write_text(
        'dataset = "demo"\n[stages.image]\nstage="backbone"\nweights="timm/two.tag"\n'
    )
    where = ["--config", str(tmp_path / "config.toml"), "--weights", str(tmp_path / "w"), "--mirror", server.url]
    command = [sys.executable, "-m", "pipeline", "weights", *where]
    server.manners["two.tag.safetensors"].append("stalls")
    partial, end = tmp_path / "w" / "two.tag.safetensors.partial", time.monotonic() + 30
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        while not (partial.exists() and partial.stat().st_size == len(DATA) // 2):
            assert time.monotonic() < end
            time.sleep(0.01)
        running.kill()
    assert running.returncode == -signal.SIGKILL
    environment = os.environ | {"no_proxy": "*"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "goes on after 128.0 kB" in done.stdout
    assert re.search(r"two\.tag\.safetensors: 256\.0 kB of 256\.0 kB, .*/s, in 0 s\n$", done.stderr)
    assert (tmp_path / "w" / "two.tag.safetensors").read_bytes() == DATA[::-1]
    assert server.asked[-1] == ("two.tag.safetensors", f"bytes={len(DATA) // 2}-")


def test_a_reader_that_has_seen_enough() -> None:
    """As with ``| head -1``: the other end is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "pipeline", "weights", "--dataset", "emotic", "--list"]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_make_passes_the_words_on() -> None:
    words = ["DATASET=emotic", "STAGES=sem2vec body", "WEIGHTS=w x", "CONFIG=c.toml", "MIRROR=http://h/f", "LIST=1"]
    done = subprocess.run(["make", "-n", "weights", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    told = " ".join(done.stdout.replace("\\\n", " ").split())
    wanted = "--dataset 'emotic' --weights 'w x' --stages 'sem2vec body' --config 'c.toml' --mirror 'http://h/f' --list"
    assert f"-m pipeline weights {wanted}" in told
