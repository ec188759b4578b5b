"""The same photograph under two names in two splits: a loop over all pairs of files, and what an extraction says."""

import itertools
import os
import shutil
from pathlib import Path

import numpy as np
from toy_pipeline import IMAGES, make_root, run

from cache.manifest import Manifest, Row
from pipeline.running.twins import describe_twins

LABELS = ("a",)
BOX = (0.0, 0.0, 4.0, 4.0)


def manifest_of(rows: list[Row]) -> Manifest:
    return Manifest.from_rows(rows, dataset="d", release="r", category_names=LABELS, source="s", folder="photos")


def row(name: str, split: str, status: str = "ok") -> Row:
    return Row(name, 0, split, BOX, BOX, (8, 8), LABELS, status=status)


def test_they_are_those_of_a_loop_over_all_pairs(tmp_path: Path) -> None:
    (folder := tmp_path / "photos").mkdir()
    draw = np.random.default_rng(0)
    rows = []
    for number in range(60):
        (folder / f"{number}.jpg").write_bytes(bytes(draw.integers(0, 2, draw.integers(1, 6), np.uint8)))
        rows.append(row(f"{number}.jpg", ("train", "val", "test")[draw.integers(3)]))
    held = {one.image: (one.split, (folder / one.image).read_bytes()) for one in rows}
    pairs = [
        (a, b) for a, b in itertools.combinations(held, 2) if held[a][1] == held[b][1] and held[a][0] != held[b][0]
    ]
    (line,) = describe_twins(manifest_of(rows), tmp_path)
    contents = list(dict.fromkeys(held[a][1] for a, _ in pairs))
    assert line.startswith("images that are in several splits under several names, byte for byte the same: ")
    assert f" same: {len(contents)}, first " in line
    named = line.partition("first ")[2].partition(". Leave")[0].split(" = ")
    first = held[named[0].split()[0]][1]
    assert first in contents
    same = {split: name for name, (split, data) in reversed(held.items()) if data == first}
    assert named == [f"{same[split]} ({split})" for split in ("train", "val", "test") if split in same]


def test_none_of_one_split_of_people_left_out_or_of_files_that_cannot_be_had(tmp_path: Path) -> None:
    (folder := tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"same")
    os.mkfifo(folder / "pipe.jpg")  # whoever opens it waits for ever
    (tmp_path.parent / "outside.jpg").write_bytes(b"same")
    for name in ("out.jpg", "also.jpg"):
        (folder / name).symlink_to(tmp_path.parent / "outside.jpg")
    (folder / "zero.jpg").symlink_to("/dev/zero")  # and reads for ever
    (folder / "folder.jpg").mkdir()
    rows = [
        row("a.jpg", "train"),
        row("b.jpg", "train"),
        row("c.jpg", "test", status="other_split"),
        *(row(name, "test") for name in ("out.jpg", "zero.jpg", "gone.jpg")),
        *(row(name, "val") for name in ("also.jpg", "folder.jpg", "pipe.jpg")),
    ]
    assert describe_twins(manifest_of(rows), tmp_path) == []
    assert len(describe_twins(manifest_of([*rows[:2], row("c.jpg", "val")]), tmp_path)) == 1


def test_the_line_stays_one_and_short(tmp_path: Path) -> None:
    (folder := tmp_path / "photos").mkdir()
    names = [f"{number}\n.jpg" for number in range(300)]
    for name in names:
        (folder / name).write_bytes(b"same")
    rows = [row(name, ("train", "val")[number % 2]) for number, name in enumerate(names)]
    (line,) = describe_twins(manifest_of(rows), tmp_path)
    assert "same: 1, first '0\\n.jpg' (train) = '1\\n.jpg' (val). " in line
    assert len(line) < 250
    assert line.isprintable()


def test_an_extraction_tells_of_them(tmp_path: Path) -> None:
    make_root(root := tmp_path / "data")
    shutil.copy(root / "1.png", root / "4.png")
    names = [f"{number}.png{'@test' if number >= 4 else ''}" for number in range(IMAGES)]
    (root / "annotation.txt").write_text(" ".join(names))
    said: list[str] = []
    run(root, tmp_path / "store", say=said.append)
    (told,) = [line for line in said if "byte for byte" in line]
    assert "the same: 1, first 1.png (train) = 4.png (test)." in told
    said.clear()
    run(root, tmp_path / "store", say=said.append)
    assert not [line for line in said if "byte for byte" in line], "nothing was left to do"


def test_other_people_in_the_place_of_the_first_are_told(tmp_path: Path) -> None:
    make_root(root := tmp_path / "data")
    said: list[str] = []
    for names in (range(12), range(6, 18), range(17, 24)):
        (root / "annotation.txt").write_text(" ".join(f"{number}.png" for number in names))
        run(root, tmp_path / "store", say=said.append)
    # 0 + 1 + 2 people in each three images: half of the first 12 are left, then the two of 17.png
    (told,) = [line for line in said if "another STORE" in line]
    assert f"of the 12 people that {tmp_path / 'store' / 'demo'} was made of 2 are in this annotation" in told


def test_another_root_is_told_once(tmp_path: Path) -> None:
    """Its files have the names and sizes of the first one's, so they count as the same."""
    for name in ("first", "second"):
        make_root(tmp_path / name)
    told = []
    for name in ("first", "first", "second", "second"):
        said: list[str] = []
        run(tmp_path / name, tmp_path / "store", say=said.append)
        told.append([line for line in said if "another ROOT" in line])
    assert told[0] == told[1] == told[3] == []
    assert f"make verify DATASET=demo ROOT={tmp_path / 'second'} STORE={tmp_path / 'store'} SAMPLE=50" in told[2][0]
