"""The same photograph under two names in two splits: a loop over all pairs of files, and what an extraction says."""

import itertools
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
    contents = {held[a][1] for a, _ in pairs}
    assert f"are in two splits: {len(contents)}, first " in line
    named = line.partition("first ")[2].partition(". Leave")[0].split(" = ")
    bytes_of_first = held[named[0].split()[0]][1]
    assert named == [f"{name} ({split})" for name, (split, data) in held.items() if data == bytes_of_first]


def test_none_of_one_split_of_people_left_out_or_of_files_that_cannot_be_had(tmp_path: Path) -> None:
    (folder := tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(b"same")
    (tmp_path.parent / "outside.jpg").write_bytes(b"same")
    (folder / "out.jpg").symlink_to(tmp_path.parent / "outside.jpg")
    (folder / "folder.jpg").mkdir()
    rows = [
        row("a.jpg", "train"),
        row("b.jpg", "train"),
        row("c.jpg", "test", status="other_split"),
        row("out.jpg", "test"),
        row("folder.jpg", "val"),
        row("gone.jpg", "test"),
    ]
    assert describe_twins(manifest_of(rows), tmp_path) == []
    assert len(describe_twins(manifest_of([*rows[:2], row("c.jpg", "val")]), tmp_path)) == 1


def test_an_extraction_tells_of_them(tmp_path: Path) -> None:
    make_root(root := tmp_path / "data")
    shutil.copy(root / "1.png", root / "4.png")
    names = [f"{number}.png{'@test' if number >= 4 else ''}" for number in range(IMAGES)]
    (root / "annotation.txt").write_text(" ".join(names))
    said: list[str] = []
    run(root, tmp_path / "store", say=said.append)
    (told,) = [line for line in said if "byte for byte" in line]
    assert "are in two splits: 1, first 1.png (train) = 4.png (test)." in told
    said.clear()
    run(root, tmp_path / "store", say=said.append)
    assert not [line for line in said if "byte for byte" in line], "nothing was left to do"


def test_another_folders_people_in_the_place_of_the_first_are_told(tmp_path: Path) -> None:
    make_root(root := tmp_path / "data")
    said: list[str] = []
    for names in (range(12), range(6, 18), range(17, 24)):
        (root / "annotation.txt").write_text(" ".join(f"{number}.png" for number in names))
        run(root, tmp_path / "store", say=said.append)
    # an image without people has one row: 1 + 1 + 2 in each three images; 6 of the first 12 images are left, then one
    (told,) = [line for line in said if "takes another STORE" in line]
    assert f"of the 16 people that {tmp_path / 'store' / 'demo'} was made of 2 are in this annotation" in told
