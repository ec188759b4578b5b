"""A store in other programs' forms: read back it is what ``load`` gives, bit for bit; whole or not at all."""

import csv
import json
import socket
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_features import MORE, SPECS, make_store, people

from cache.errors import StoreError
from cache.manifest import BAD_BOX
from cache.people import People
from cache.spec import ArraySpec, Granularity, Status
from scripts import export
from scripts.exporting import folder, reading

FEATURES = ("body", "sem2vec", "objects", "context", "pose")
NAN = (float("nan"),) * 4
Bits = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 people in two shards; one has a broken box, some have no body or no image."""
    root = tmp_path_factory.mktemp("export") / "store"
    rows = people(150)
    rows[7] = replace(rows[7], box=NAN, status=BAD_BOX, reason="planted")
    rows[9] = replace(rows[9], vad=(float("nan"),) * 3)
    make_store(root, rows, missing={"body": [3, 140], "sem2vec": [5]}, untrained=("pose",), features=FEATURES)
    return root


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that every export is made of many parts, and shards are closed."""
    monkeypatch.setattr(reading, "PART_BYTES", 20_000)
    monkeypatch.setattr(reading, "OPEN_SHARDS", 1)


def run(store: Path, out: Path, form: str, *words: str) -> int:
    return export.main(["--store", str(store), "--format", form, "--out", str(out), *words])


def wanted(store: Path, split: str | None = None, everyone: bool = False, flat: bool = False) -> tuple[People, Bits]:
    """What ``load`` gives, by the names of an export. flat: vectors alone."""
    specs = {name: (SPECS | MORE)[name][1] for name in FEATURES}
    words = {
        f"{name}{'.UNTRAINED' * (name == 'pose')}.{array}": f"{name}/{array}"
        for name, arrays in specs.items()
        for array, spec in arrays.items()
        if not flat or len(spec.shape) < 2
    }
    found = People.load(store, "demo", words.values(), split, everyone)
    return found, {name: found.features[word].numpy() for name, word in words.items()}


def same(found: Any, expected: Any) -> bool:
    found, expected = np.asarray(found), np.asarray(expected)
    return (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


def test_npy_reads_back_equal(store: Path, tmp_path: Path) -> None:
    assert run(store, tmp_path / "out", "npy", "--everyone") == 0
    loaded, arrays = wanted(store, everyone=True)
    assert len(loaded) == 150
    for name, expected in arrays.items():
        assert same(np.load(tmp_path / "out" / f"{name}.npy", mmap_mode="r"), expected), name
    for name in ("vad", "boxes", "multi_hot", "missing"):
        assert same(np.load(tmp_path / "out" / f"{name}.npy"), getattr(loaded, name)), name
    assert (tmp_path / "out/keys.txt").read_text().splitlines() == loaded.keys
    assert tuple((tmp_path / "out/labels.txt").read_text().splitlines()) == loaded.category_names
    with (tmp_path / "out/people.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == loaded.keys
    assert [row["status"] for row in rows].count("bad_box") == 1
    known = [Status(word).word for word in loaded.features["body/pooled"].status.tolist()]
    assert [row["body.status"] for row in rows] == known
    assert known.count("broken") == 2


def test_hf_reads_back_equal_and_asks_nobody(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def refused(*_: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert run(store, tmp_path / "out", "hf") == 0
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert list(found) == ["train", "val", "test"]
    for split, table in found.items():
        loaded, arrays = wanted(store, split)
        held = table.with_format("arrow")[:]
        for name, expected in arrays.items():
            values = held[name].combine_chunks()
            while hasattr(values, "flatten") and values.type.num_fields:
                values = values.flatten()
            assert same(values.to_numpy().reshape(expected.shape), expected), name
        assert table["key"][:] == loaded.keys
        assert [tuple(names) for names in table["labels"]] == loaded.labels
        assert set(table["split"]) == {split}
        assert table["missing"][:] == loaded.missing.tolist()
        assert same(np.array(table["x2"], np.float32), loaded.boxes[:, 2])
        assert same(np.array(table["valence"], np.float32), loaded.vad[:, 0])
        assert "UNTRAINED features: pose" in table.info.description
    one = found["train"].with_format("numpy")[0]["context.map"]
    assert one.shape == (6, 3, 2)
    assert run(store, tmp_path / "one", "hf", "--split", "val", "--stages", "body") == 0
    alone = datasets.load_from_disk(str(tmp_path / "one"))
    assert alone["key"][:] == wanted(store, "val")[0].keys
    assert not list((tmp_path / "out").glob("raw*"))


def test_csv_reads_back_equal(store: Path, tmp_path: Path) -> None:
    words = "body context/pooled objects/count pose/box"
    assert run(store, tmp_path / "out", "csv", "--stages", words, "--split", "test") == 0
    loaded, arrays = wanted(store, "test", flat=True)
    with (tmp_path / "out/people.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("body.pooled", "context.pooled", "pose.UNTRAINED.box", "objects.count"):
        expected = arrays[name]
        columns = [f"{name}.{place}" for place in range(expected.shape[1])] if expected.ndim > 1 else [name]
        values = np.array([[float(row[column]) for column in columns] for row in rows]).astype(expected.dtype)
        assert same(values.reshape(expected.shape), expected), name
    assert [row["key"] for row in rows] == loaded.keys
    assert [tuple(row["labels"].split(";")) for row in rows] == loaded.labels
    assert same(np.array([float(row["arousal"]) for row in rows], np.float32), loaded.vad[:, 1])


def test_what_is_untrained_and_who_is_left_out_is_told(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(store, tmp_path / "out", "npy", "--stages", "body pose/box") == 0
    told, about = capsys.readouterr().out, json.loads((tmp_path / "out/export.json").read_text())
    for text in (told, (tmp_path / "out/README.md").read_text()):
        assert "UNTRAINED features: pose." in text
        assert "149 people" in text
        assert "bad_box 1" in text
    assert (about["untrained"], about["left_out"], about["people"]) == (["pose"], {"bad_box": 1}, 149)
    assert {name: one["trained"] for name, one in about["arrays"].items()} == {
        "body.pooled": True,
        "pose.UNTRAINED.box": False,
    }


@pytest.mark.parametrize("features", [(), ("body",)])
def test_a_store_without_features_is_exported_too(tmp_path: Path, features: tuple[str, ...]) -> None:
    make_store(tmp_path / "store", people(30), features=features)
    for form in ("npy", "csv", "hf"):
        assert run(tmp_path / "store", tmp_path / form, form) == 0
    assert (tmp_path / "csv/people.csv").read_text().count("\n") == 31


def test_a_feature_that_is_larger_than_memory_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """80 MB of maps, in far less than that."""
    wide = {"big": (Granularity.IMAGE, {"map": ArraySpec((64, 64, 16), "float16", "made up")})}
    monkeypatch.setattr("toy_features.MORE", wide)
    monkeypatch.setattr("toy_features._values", lambda spec, signal, *_: spec.empty(len(signal)))
    make_store(tmp_path / "store", people(640), features=("big",))
    tracemalloc.start()
    try:
        assert run(tmp_path / "store", tmp_path / "out", "npy") == 0
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()
    assert (tmp_path / "out/big.map.npy").stat().st_size > 80e6


def test_shards_of_long_ago_are_closed(tmp_path: Path) -> None:
    """Each open one holds a file descriptor, of which a process has a thousand."""
    make_store(tmp_path / "store", people(150), features=("body",))
    asked = reading.exported(tmp_path / "store", "demo", [], None, False)
    most, used = 0, set[str]()
    for part in asked.parts():
        part.people.features["body/pooled"].numpy()
        links = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        found = [link.name for link in links if link.is_relative_to(tmp_path / "store") and link.suffix == ".h5"]
        most, used = max(most, len(found)), used | set(found)
    assert (most, len(used)) == (1, 2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--format", "nyp"], "FORMAT=nyp: no such form. Did you mean 'npy'? Known: csv, hf, npy."),
        ([], "FORMAT: none given. Known: csv, hf, npy."),
        (["--format", "npy", "--split", "tset"], "no split 'tset'. Did you mean 'test'?"),
        (["--format", "npy", "--stages", "bdoy"], "feature 'bdoy' is not in the store. Did you mean 'body'?"),
        (["--format", "npy", "--stages", "body/polled"], "'polled'"),
        (["--format", "npy", "--dataset", "dmeo"], "holds no dataset 'dmeo'. Did you mean 'demo'?"),
        (["--format", "npy", "--store", "nowhere"], "nowhere: no such folder."),
        (
            ["--format", "csv", "--stages", "body context"],
            "no columns for arrays that are no vectors: context.map (6, 3, 2). "
            'FORMAT=npy or hf holds them; here name the vectors: STAGES="body/pooled context/pooled"',
        ),
    ],
)
def test_bad_words_are_one_line(
    words: list[str], told: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export.main(["--store", str(store), "--out", str(tmp_path / "out"), *words]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_the_extra_is_named(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert run(store, tmp_path / "out", "hf") == 2
    needs = "FORMAT=hf needs datasets, which is not installed. Run pip install 'affect-cache[export]'"
    assert capsys.readouterr().err == f"error: {needs}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_else_is_left_alone(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert run(store, out, "npy", "--stages", "body") == 0  # an empty one is nobody's
    assert run(store, out, "npy", "--stages", "sem2vec") == 0
    assert not (out / "body.pooled.npy").exists()
    (out / "mine.txt").write_text("mine")
    assert run(store, out, "npy", "--stages", "body") == 2
    assert "mine.txt is not as the export left it, so it is not replaced" in capsys.readouterr().err
    (out / "mine.txt").unlink()
    (out / "export.json").unlink()
    assert run(store, out, "npy", "--stages", "body") == 2
    assert "no export that could be replaced" in capsys.readouterr().err
    assert (out / "sem2vec.area.npy").exists()
    assert run(store, out / "keys.txt", "npy") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_what_fails_in_the_middle_leaves_the_older_export(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(store, out, "npy", "--stages", "body") == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("scripts.exporting.formats.npy.write_rows", full)
    assert run(store, out, "npy", "--stages", "sem2vec") == 2
    assert f"{out}: cannot be written: No space left on device." in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


KILLED = """
import os, sys
from pathlib import Path
from scripts.exporting.folder import whole_folder
with whole_folder(Path(sys.argv[1])) as made:
    (made / "half").write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert subprocess.run([sys.executable, "-c", KILLED, str(out)], check=False).returncode == -9
    assert (tmp_path / ".partial-out/half").exists()
    with folder.whole_folder(out) as made:
        assert list(made.iterdir()) == []
        with pytest.raises(StoreError, match="another export is writing here"), folder.whole_folder(out):
            pass
        (made / "whole").write_text("whole")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/whole"]
