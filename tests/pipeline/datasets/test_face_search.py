"""Looking for the faces of CAER-S: once, resumably, alone, with real kills; and from photographs to features."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import face_search_run
import numpy as np
import pytest
from caer_s_files import image, images
from face_search_run import MANY, found

from cache.errors import DataError
from cache.files import PARTIAL
from cache.manifest import Manifest
from cache.spec import Status
from cache.store import Store
from pipeline.cli import main
from pipeline.dataset import manifest_of
from pipeline.datasets import _face_search
from pipeline.datasets._face_list import Entry, head, read
from pipeline.datasets._face_search import Looker, complete
from pipeline.datasets.caer_s import Reader
from pipeline.decoding.images import decode

PHOTOS = Path(__file__).parents[4] / "shared" / "real" / "photos"
real = pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs in ../shared are not here")
IMAGES = {f"train/Sad/{number:04d}.png": 100 + number for number in range(40)}


class Counting:
    """``found``, and which images it was asked for."""

    def __init__(self, answer: Callable[[str, int], Entry] = found) -> None:
        self.asked: list[str] = []
        self.answer = answer

    def __call__(self, path: str, length: int) -> Entry:
        self.asked.append(path)
        return self.answer(path, length)


def silent(_: str) -> None:
    pass


def test_every_image_is_looked_at_once(tmp_path: Path) -> None:
    look = Counting()
    complete(tmp_path / "faces.csv", IMAGES, look, silent)
    assert sorted(look.asked) == sorted(IMAGES)
    entries, current = read(tmp_path / "faces.csv")
    assert current
    assert entries == {path: found(path, length) for path, length in IMAGES.items()}
    assert [path.name for path in tmp_path.iterdir()] == ["faces.csv"]
    before = (tmp_path / "faces.csv").stat().st_mtime_ns
    complete(tmp_path / "faces.csv", IMAGES, look, silent)
    assert len(look.asked) == len(IMAGES)
    assert (tmp_path / "faces.csv").stat().st_mtime_ns == before


def test_new_and_replaced_images_are_looked_at_too(tmp_path: Path) -> None:
    complete(tmp_path / "faces.csv", IMAGES, found, silent)
    look, said = Counting(), list[str]()
    changed = IMAGES | {"train/Sad/0003.png": 5, "train/Happy/0001.png": 6}
    complete(tmp_path / "faces.csv", changed, look, said.append)
    assert sorted(look.asked) == ["train/Happy/0001.png", "train/Sad/0003.png"]
    assert said == [f"looking for the faces of 2 images, once, for {tmp_path / 'faces.csv'} (39 are known)"]
    entries, _ = read(tmp_path / "faces.csv")
    assert {path: entry.bytes for path, entry in entries.items()} == changed


def test_an_image_that_has_gone_keeps_its_face(tmp_path: Path) -> None:
    complete(tmp_path / "faces.csv", IMAGES, found, silent)
    fewer = dict(list(IMAGES.items())[1:])
    complete(tmp_path / "faces.csv", fewer | {"train/Fear/1.png": 1}, Counting(), silent)
    assert len(read(tmp_path / "faces.csv")[0]) == len(IMAGES) + 1


def test_what_could_not_be_read_is_tried_again_and_written_when_it_changes(tmp_path: Path) -> None:
    def broken(path: str, length: int) -> Entry:
        return (
            Entry(path, length, Status.BROKEN, note="it ends, early") if path.endswith("7.png") else found(path, length)
        )

    complete(tmp_path / "faces.csv", IMAGES, broken, silent)
    before = (tmp_path / "faces.csv").read_bytes()
    look = Counting(broken)
    complete(tmp_path / "faces.csv", IMAGES, look, silent)
    assert sorted(look.asked) == [f"train/Sad/00{tens}7.png" for tens in range(4)]
    assert (tmp_path / "faces.csv").read_bytes() == before
    complete(tmp_path / "faces.csv", IMAGES, found, silent)
    assert all(entry.status is Status.OK for entry in read(tmp_path / "faces.csv")[0].values())


def test_another_detector_means_all_again(tmp_path: Path) -> None:
    complete(tmp_path / "faces.csv", IMAGES, found, silent)
    text = (tmp_path / "faces.csv").read_text()
    (tmp_path / "faces.csv").write_text(text.replace(head(), head()[:-4] + "0000"))
    look, said = Counting(), list[str]()
    complete(tmp_path / "faces.csv", IMAGES, look, said.append)
    assert len(look.asked) == len(IMAGES)
    assert said[0] == f"{tmp_path / 'faces.csv'}: was made with another detector. All images are looked at again"
    assert (tmp_path / "faces.csv").read_text() == text


def test_an_interrupt_keeps_what_was_found(tmp_path: Path) -> None:
    def interrupted(path: str, length: int) -> Entry:
        if path.endswith("0025.png"):
            raise KeyboardInterrupt
        return found(path, length)

    with pytest.raises(KeyboardInterrupt):
        complete(tmp_path / "faces.csv", IMAGES, interrupted, silent)
    assert not (tmp_path / "faces.csv").exists()
    look, said = Counting(), list[str]()
    complete(tmp_path / "faces.csv", IMAGES, look, said.append)
    assert sorted(look.asked) == [f"train/Sad/{number:04d}.png" for number in range(25, 40)]
    assert "(25 are known)" in said[0]
    complete(tmp_path / "whole.csv", IMAGES, found, silent)
    assert (tmp_path / "faces.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_a_line_that_is_not_whole_is_done_again(tmp_path: Path, cut: int) -> None:
    """As power loss or a full disk leave it: cut off, or with noughts in it."""
    partial = tmp_path / "faces.csv.partial"
    lines = [found(path, length).line() for path, length in IMAGES.items()]
    for tail in ("\n".join(lines[:9])[:-cut], "\n".join([*lines[:8], "\0" * cut, ""])):
        partial.write_text("\n".join([head(), tail]))
        look = Counting()
        complete(tmp_path / "faces.csv", IMAGES, look, silent)
        assert len(look.asked) == len(IMAGES) - 8
        assert read(tmp_path / "faces.csv")[0] == {path: found(path, length) for path, length in IMAGES.items()}
        (tmp_path / "faces.csv").unlink()


def test_what_another_detector_left_half_done_is_not_mixed_in(tmp_path: Path) -> None:
    line = Entry("train/Sad/0000.png", 100, Status.NO_FACE, (1, 1)).line()
    (tmp_path / "faces.csv.partial").write_text(f"{head()[:-4]}0000\n{line}\n")
    complete(tmp_path / "faces.csv", IMAGES, found, silent)
    assert read(tmp_path / "faces.csv")[0]["train/Sad/0000.png"].status is Status.OK


def slow(file: Path) -> list[str]:
    """Words that look at MANY in a process of its own."""
    return [sys.executable, face_search_run.__file__, str(file)]


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(lines: int, file: Path, process: subprocess.Popen[str]) -> None:
    partial = file.with_name("faces.csv.partial")
    while lines_of(partial) < lines and process.poll() is None:
        time.sleep(0.002)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_loses_next_to_nothing(tmp_path: Path, end: signal.Signals) -> None:
    """Two kills on the way; the list is that of a run that nobody disturbed, and hardly an image is done twice."""
    file = tmp_path / "faces.csv"
    kept = 0
    for lines in (10, 50):
        process = subprocess.Popen(slow(file), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lines, file, process)
        process.send_signal(end)
        process.communicate(timeout=30)
        assert process.returncode == -end, "the kill came too late"
        assert not file.exists()
        assert lines_of(file.with_name("faces.csv.partial")) - 1 > kept, "the kill came before anything was done"
        kept = lines_of(file.with_name("faces.csv.partial")) - 1
    done = subprocess.run(slow(file), capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout.splitlines()[-1])) == len(MANY) - kept
    whole = tmp_path / "whole" / "faces.csv"
    whole.parent.mkdir()
    complete(whole, MANY, found, silent)
    assert file.read_bytes() == whole.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["faces.csv"]


def test_two_processes_do_not_mix(tmp_path: Path) -> None:
    """The second one, with a store of its own, is told in one line; the first goes on."""
    file = tmp_path / "faces.csv"
    first = subprocess.Popen(slow(file), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(5, file, first)
    with pytest.raises(DataError) as error:
        complete(file, IMAGES, found, silent)
    told = "another process is looking for these faces. Wait for it, then run the same command again"
    assert str(error.value) == f"{file}.partial: {told}"
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 0
    assert len(json.loads(out.splitlines()[-1])) == len(MANY)
    assert len(read(file)[0]) == len(MANY)


def test_a_temporary_of_a_killed_writer_is_swept(tmp_path: Path) -> None:
    (tmp_path / f"{PARTIAL}12-abcd-faces.csv").write_text("half")
    (tmp_path / f"{PARTIAL}12-abcd-other.csv").write_text("not ours")
    complete(tmp_path / "faces.csv", IMAGES, found, silent)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{PARTIAL}12-abcd-other.csv", "faces.csv"]


def test_a_root_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete(tmp_path / "faces.csv", IMAGES, found, silent)

    def refuse(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    complete(tmp_path / "faces.csv", IMAGES, found, silent)
    with pytest.raises(DataError) as error:
        complete(tmp_path / "faces.csv", IMAGES | {"train/Fear/1.png": 1}, found, silent)
    told = str(error.value)
    assert told.startswith(f"{tmp_path / 'faces.csv.partial'}: cannot be written: Read-only file system. ")
    assert "make ROOT writable for one run, or put a faces.csv made elsewhere into it" in told
    assert "\n" not in told


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_nothing_is_written_through_a_link(tmp_path: Path, link: Callable[[Path, Path], None]) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    partial = tmp_path / "faces.csv.partial"
    link(precious, partial)
    with pytest.raises(DataError) as error:
        complete(tmp_path / "faces.csv", IMAGES, found, silent)
    kind = "a symbolic link" if link is os.symlink else "one file under 2 names"
    told = "writing to it would change another file. Delete it, then run the same command again"
    assert str(error.value) == f"{partial}: is {kind}: {told}"
    assert precious.read_text() == "mine"
    partial.unlink()
    complete(tmp_path / "faces.csv", IMAGES, found, silent)


FULL = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_a_full_disk_is_one_line_and_is_gone_on_from(tmp_path: Path) -> None:
    """A limit on the size of a file, which the kernel enforces in the midst of a line."""
    file = tmp_path / "faces.csv"
    words = slow(file)
    done = subprocess.run([words[0], "-c", FULL, *words[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "faces.csv.partial: cannot be written: File too large" in done.stdout.splitlines()[-1]
    assert file.with_name("faces.csv.partial").stat().st_size == 2000
    kept = lines_of(file.with_name("faces.csv.partial")) - 1
    again = subprocess.run(words, capture_output=True, text=True, check=True)
    assert len(json.loads(again.stdout.splitlines()[-1])) == len(MANY) - kept
    assert len(read(file)[0]) == len(MANY)


def test_odd_names_and_notes_survive_the_list(tmp_path: Path) -> None:
    names = ["a,b.png", "a\nb.png", "ä ü.png", "100%.png", "#.png", '"q".png', " .png", "a\u2028b.png"]
    paths = {f"train/Sad/{name}": 1 for name in names}

    def look(path: str, length: int) -> Entry:
        return Entry(path, length, Status.BROKEN, note=f"odd, very: {path!r}")

    complete(tmp_path / "faces.csv", paths, look, silent)
    entries, _ = read(tmp_path / "faces.csv")
    assert {path: entry.note for path, entry in entries.items()} == {path: f"odd, very: {path!r}" for path in paths}


@real
def test_from_photographs_to_features(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``make extract`` on nothing but folders: faces are found, crops cut; nothing is lost; the second run is short."""
    root = tmp_path / "root"
    parts = {"train/Happy/0001.png": (250, 0, 510, 200), "test/Happy/0001.png": (300, 20, 440, 160)}
    for name, part in {**parts, "train/Happy/0002.png": (0, 200, 260, 400)}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        decode(PHOTOS / "000000000785.jpg").crop(part).save(root / name)
    image(root, "train/Sad/0001.png")
    images(root, {"test/Sad": 1})
    (root / "train/Sad/0002.png").write_bytes((root / "train/Happy/0001.png").read_bytes()[:5000])
    config = tmp_path / "config.toml"
    small = "[stages.image]\nstage = 'backbone'\nmodel = 'shufflenet_v2_x0_5'\nsize = [64, 64]\n[stages.face]\n"
    config.write_text(f"dataset = 'caer_s'\nshard_images = 4\n{small}proxy = 'box'\n")
    words = ["--dataset", "caer_s", "--root", str(root), "--store", str(tmp_path / "store"), "--config", str(config)]
    words += ["--weights", str(tmp_path), "--untrained"]
    assert main(["extract", *words]) == 1, "the broken image"
    out = capsys.readouterr().out
    assert f"looking for the faces of 6 images, once, for {root / 'faces.csv'} (0 are known)" in out
    assert "failed: train/Sad/0002.png" in out

    from facenet_pytorch import MTCNN

    manifest = Store(tmp_path / "store").manifest("caer_s")
    assert len(set(manifest.images)) == 6
    for path, box, status in zip(manifest.images, manifest.boxes, manifest.statuses, strict=True):
        if "Happy" in path:
            boxes, _ = MTCNN(device="cpu").detect(decode(root / path))
            assert (status == "ok") == (boxes is not None)
            if boxes is not None:
                np.testing.assert_allclose(box, np.clip(boxes[0].astype(float), 0, None), atol=0.01)
    assert Counter(manifest.statuses) == {"ok": 2, "no_person": 4}
    features = Store(tmp_path / "store").features("caer_s")
    keys = [key for key, status in zip(manifest.keys, manifest.statuses, strict=True) if status == "ok"]
    confidence, status = features["face"].read("confidence", keys)
    assert (status == Status.OK).all()
    assert (confidence > 0.7).all(), "each box got its own face, not a proxy"
    boxes, _ = features["face"].read("box", keys)
    own = [manifest.keys.index(key) for key in keys]
    np.testing.assert_allclose(boxes, manifest.boxes[own], atol=0.01)
    _, status = features["image"].read("pooled", list(dict.fromkeys(manifest.images)))
    assert Counter(status.tolist()) == {Status.OK: 5, Status.BROKEN: 1}, "without a face there is still an image"

    assert main(["extract", *words]) == 1
    assert "looking for" not in capsys.readouterr().out
    (root / "train/Sad/0002.png").write_bytes((root / "train/Happy/0001.png").read_bytes())
    assert main(["retry", *words]) == 0
    assert "looking for the faces of 1 images" in capsys.readouterr().out
    assert Store(tmp_path / "store").manifest("caer_s").statuses.count("ok") == 3


def test_a_torch_of_many_threads_gets_them_back(tmp_path: Path) -> None:
    import torch

    image(tmp_path, "train/Sad/0001.png")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with Looker(tmp_path) as look:
            entry = look("train/Sad/0001.png", 7)
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert entry == Entry("train/Sad/0001.png", 7, Status.NO_FACE, (64, 48))


def test_bad_images_are_told_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And without the place of the root, so that a list can be copied with its images."""
    image(tmp_path, "train/Sad/0001.png")
    (tmp_path / "train/Sad/0002.png").write_bytes((tmp_path / "train/Sad/0001.png").read_bytes()[:70])
    (tmp_path / "train/Sad/0003.png").symlink_to("/etc/hostname")
    monkeypatch.setattr(_face_search, "Detector", None)
    with Looker(tmp_path) as look:
        entries = [look(f"train/Sad/000{number}.png", 1) for number in (2, 3, 4)]
    assert [entry.status for entry in entries] == [Status.BROKEN, Status.OUTSIDE_ROOT, Status.MISSING]
    assert all(str(tmp_path) not in entry.note and entry.note for entry in entries)


def test_a_fault_in_the_network_is_that_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image(tmp_path, "train/Sad/0001.png")

    class Faulty:
        def load(self, *_: object) -> None:
            pass

        def search(self, image: object) -> object:
            return image

        def detect(self, _: object) -> None:
            raise RuntimeError("no kernel\nfor this")

    monkeypatch.setattr(_face_search, "Detector", Faulty)
    with Looker(tmp_path) as look:
        entry = look("train/Sad/0001.png", 1)
    assert (entry.status, entry.note) == (Status.FAILED, "RuntimeError: no kernel for this")


def test_a_finished_list_needs_no_torch(tmp_path: Path) -> None:
    """What ``make extract`` does on a store that is done."""
    images(tmp_path, {"train/Sad": 3, "test/Sad": 1})
    look = Counting()
    reader = Reader(tmp_path)
    complete(tmp_path / "faces.csv", reader._lengths(), look, silent)
    code = """
import sys
from pathlib import Path
from pipeline.datasets.caer_s import Reader
Reader(Path(sys.argv[1])).complete(print)
print([name for name in "torch cv2 facenet_pytorch scipy".split() if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert isinstance(manifest_of(Reader(tmp_path), tmp_path / "absent"), Manifest)
