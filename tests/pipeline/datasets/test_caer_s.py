"""CAER-S's reader: what a line, a folder and a name mean, and which frames are held out."""

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from caer_s_cases import FACE_STATUSES, build_faces
from caer_s_files import STATUSES, face, faces, image, images, line, lists, write
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import DataError
from cache.manifest import Manifest
from pipeline.dataset import manifest_of
from pipeline.datasets._caer_s_images import File, groups, held_out
from pipeline.datasets.caer_s import Reader


def manifest(root: Path) -> Manifest:
    return manifest_of(Reader(root), root / "absent.parquet")


def row(found: Manifest, key: str) -> dict[str, object]:
    index = found.keys.index(key)
    labels = [name for name, there in zip(found.category_names, found.categories[index], strict=True) if there]
    return {
        "split": found.splits[index],
        "box": found.boxes[index].tolist(),
        "original": found.original_boxes[index].tolist(),
        "size": found.sizes[index].tolist(),
        "labels": labels,
        "status": found.statuses[index],
        "reason": found.reasons[index],
    }


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as error:
        manifest(root)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """One image in each split and sound lists."""
    image(tmp_path, "train/Fear/0001.png")
    image(tmp_path, "test/Fear/0001.png")
    lists(tmp_path, [line("train/Fear/0001.png")], [line("test/Fear/0001.png")])
    return tmp_path


def test_lists_of_public_code(tmp_path: Path) -> None:
    write(tmp_path / "root")
    found = manifest(tmp_path / "root")
    assert Counter(found.statuses) == STATUSES
    assert found.category_names == ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
    assert found.release == "unrecognised (44 images in train, 10 in test)"
    clamped = row(found, "train/Angry/0001.png#0")
    assert (clamped["box"], clamped["original"]) == ([10, 12, 64, 48], [10, 12, 640, 480])
    assert (clamped["labels"], clamped["size"], clamped["status"]) == (["Anger"], [64, 48], "ok")
    turned = row(found, "train/Fear/0001.png#0")
    assert (turned["box"], turned["original"], turned["status"]) == ([10, 12, 30, 40], [30, 40, 10, 12], "ok")
    empty = row(found, "train/Fear/0002.png#0")
    assert (empty["status"], empty["reason"]) == ("bad_box", "box [0.0, 0.0, 0.0, 0.0] is reversed or has no area")
    assert "not readable as an image" in str(row(found, "train/Fear/0003.png#0")["reason"])
    assert (row(found, "train/Fear/0004.png#0")["status"], row(found, "train/Fear/0004.png#0")["reason"]) == (
        "missing",
        "no such file",
    )
    assert row(found, "train/Fear/0006.png#0")["status"] == "outside_root"
    left_out = row(found, "test/Anger/0001.png")
    assert (left_out["status"], left_out["reason"]) == ("no_person", "the list of faces leaves it out")
    assert left_out["labels"] == ["Anger"], "an image without a face keeps its label"
    (refused,) = [key for key, reason in zip(found.keys, found.reasons, strict=True) if "train.txt:44" in reason]
    assert refused.startswith("outside_root:")
    notes = "\n".join(found.notes)
    for told in ("leave out: 2", "put right: 2", "clamped (the originals are kept): 1", "not there: 1"):
        assert told in notes


@pytest.mark.parametrize("named", ["train/Anger/0001.png", "train/Angry/0001.png", "Angry/0001.png", "Anger/0001.png"])
@pytest.mark.parametrize("folder", ["Anger", "Angry", "anger"])
def test_a_list_may_call_the_folder_otherwise(tmp_path: Path, named: str, folder: str) -> None:
    """With or without ``train/``, Anger or Angry: the key is the path on the disk."""
    image(tmp_path, f"train/{folder}/0001.png")
    image(tmp_path, "test/Sad/0001.png")
    lists(tmp_path, [line(named)], [line("test/Sad/0001.png")])
    found = manifest(tmp_path)
    assert found.keys == [f"train/{folder}/0001.png#0", "test/Sad/0001.png#0"]
    assert found.statuses == ["ok", "ok"]


def test_marks_line_ends_and_blanks_are_borne(small: Path) -> None:
    (small / "train.txt").write_bytes(b"\xef\xbb\xbf  train/Fear/0001.png , 2, 1.5 ,2,+30,40 \r\n\r\n")
    assert row(manifest(small), "train/Fear/0001.png#0")["box"] == [1.5, 2, 30, 40]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("train/Fear/0001.png,2,1,2,3", "has 5 fields. A line is relpath,label,x1,y1,x2,y2, without a header"),
        ("relpath,label,x1,y1,x2,y2", "label 'label' is none of 0 to 6"),
        ("train/Fear/0001.png,7,1,2,3,4", "label '7' is none of 0 to 6"),
        ("train/Fear/0001.png,-1,1,2,3,4", "label '-1' is none of 0 to 6"),
        ("train/Fear/0001.png,\u0661,1,2,3,4", "is none of 0 to 6"),
        ("train/Fear/0001.png,3,1,2,3,4", "'train/Fear/0001.png' is not in a folder of its label, Happy"),
        ("train/Fright/0001.png,2,1,2,3,4", "'train/Fright/0001.png' is not in a folder of its label, Fear"),
        ("0001.png,2,1,2,3,4", "'0001.png' is not in a folder of its label, Fear"),
        ("test/Fear/0001.png,2,1,2,3,4", "names 'test/Fear/0001.png' in the list of train"),
        ("train/Fear/0001.png,2,1,nan,3,4", "'nan' is not a number of pixels"),
        ("train/Fear/0001.png,2,1,2,3,1e9", "'1e9' is not a number of pixels"),
        ("train/Fear/0001.png,2,1,,3,4", "'' is not a number of pixels"),
    ],
)
def test_a_bad_line_is_named(small: Path, text: str, told: str) -> None:
    lists(small, [line("train/Fear/0001.png"), text], [])
    message = refusal(small)
    assert message.startswith(f"{small / 'train.txt'}:2: ")
    assert told in message


def test_bad_bytes_in_a_list(small: Path) -> None:
    (small / "test.txt").write_bytes(b"\xff\xfe")
    assert refusal(small) == f"{small / 'test.txt'}: is not UTF-8 text. Is it the list of faces?"


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "a/../../x.png", "x\0.png", ""])
def test_paths_of_a_list_stay_inside(small: Path, path: str) -> None:
    with (small / "train.txt").open("a") as file:
        file.write(f"{path},2,1,2,3,4\n" * 2)
    found = manifest(small)
    assert Counter(found.statuses) == {"ok": 2, "outside_root": 1}
    assert found.reasons[-1] == "train.txt:2: its path leads out of the dataset's folder"


def test_one_list_alone_is_refused(small: Path) -> None:
    (small / "test.txt").unlink()
    told = f"{small / 'train.txt'} lists faces, {small / 'test.txt'} is not there. Add it, or move the first away"
    assert refusal(small) == told


def test_an_image_named_twice_has_its_first_box(small: Path) -> None:
    again = line("Fear/0001.png", (1, 2, 3, 4))
    lists(small, [line("train/Fear/0001.png"), again], [line("test/Fear/0001.png")])
    found = manifest(small)
    assert row(found, "train/Fear/0001.png#0")["box"] == [10, 12, 30, 40]
    assert "lines that name an image again, left out: 1" in found.notes


def test_our_own_list(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    found = manifest_of(build_faces(root), tmp_path / "absent")
    assert Counter(found.statuses) == FACE_STATUSES
    first = row(found, "train/Anger/0001.png#0")
    assert (first["box"], first["size"]) == ([10.25, 12, 30, 40.5], [64, 48])
    none, broken, link = (row(found, f"test/Anger/{number:04d}.png") for number in (2, 3, 4))
    assert (none["status"], none["reason"]) == ("no_person", "no face was found")
    assert broken["status"] == "no_person"
    assert str(broken["reason"]).startswith("broken: not readable as an image: begins with b'no image'")
    assert link["status"] == "outside_root"
    assert row(found, "train/Happy/0001.png#0")["status"] == "ok", "extraction will say that it is missing"
    assert "images of faces.csv that are not there: 1, first train/Happy/0001.png" in found.notes
    assert "files that are no images by their names: 1, first 'train/Anger/notes.txt'" in found.notes
    assert f"faces: by MTCNN (faces.csv), the largest of each image; images with several: {21 + 1}" in found.notes


def test_without_any_list_the_cure_is_told(tmp_path: Path) -> None:
    images(tmp_path, {"train/Sad": 1, "test/Sad": 1})
    told = refusal(tmp_path)
    assert told.startswith(f"{tmp_path / 'faces.csv'}: no such file, nor train.txt and test.txt")
    assert told.endswith("make extract DATASET=caer_s makes it, once")


def test_a_list_that_lacks_an_image_is_refused(tmp_path: Path) -> None:
    paths = images(tmp_path, {"train/Sad": 1, "test/Sad": 1})
    faces(tmp_path, [face(paths[0], (tmp_path / paths[0]).stat().st_size), face(paths[1], 3)])
    assert "1 images are not in it as they are now, first test/Sad/0001.png" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("number", "text", "told"),
    [
        (1, "path,bytes", "does not begin with '# affect-cache faces '"),
        (3, "train/Sad/0001.png,5,ok", "has 3 fields, 12 are wanted"),
        (3, "train/Sad/0001.png,5,fine,64,48,1,2,3,4,0.9,1,", "status 'fine' is none of ok, no_face, missing"),
        (3, "train/Sad/0001.png,5,ok,64,48,1,2,65,4,0.9,1,", "box (1, 2, 65, 4) is not inside the image (64 x 48)"),
        (3, "train/Sad/0001.png,5,ok,64,48,1,nan,6,4,0.9,1,", "box (1, nan, 6, 4) is not inside the image"),
        (3, "train/Sad/0001.png,5,ok,64,48,,,,,0.9,1,", "could not convert string to float"),
        (3, "train/Sad/%ff.png,5,no_face,64,48,,,,,,0,", "can't decode byte 0xff"),
        (4, "test/Sad/0001.png,5,no_face,64,48,,,,,,0,", "'test/Sad/0001.png' stands twice"),
    ],
)
def test_damage_in_our_own_list_is_named(tmp_path: Path, number: int, text: str, told: str) -> None:
    paths = images(tmp_path, {"train/Sad": 1, "test/Sad": 1})
    faces(tmp_path, [face(path, (tmp_path / path).stat().st_size) for path in reversed(paths)])
    written = (tmp_path / "faces.csv").read_text().split("\n")
    written[number - 1] = text
    (tmp_path / "faces.csv").write_text("\n".join(written))
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / 'faces.csv'}:{number}: ")
    assert told in message


def test_roots_that_are_none(tmp_path: Path) -> None:
    images(tmp_path / "CAER-S", {"train/Sad": 1, "test/Sad": 1})
    told = refusal(tmp_path)
    assert told.startswith(f"{tmp_path / 'train'}: No such file or directory. ROOT is the folder that holds train/ and")
    assert told.endswith(f"Did you mean ROOT={tmp_path / 'CAER-S'}?")
    (tmp_path / "CAER-S/test/Sad/0001.png").unlink()
    assert refusal(tmp_path / "CAER-S").startswith(f"{tmp_path / 'CAER-S/test'}: holds no image in a class's folder")
    (tmp_path / "CAER-S/train/Sadnes").mkdir()
    assert "train/Sadnes: is no class's folder. Did you mean 'Sad'?" in refusal(tmp_path / "CAER-S")


def test_a_name_that_is_no_text_is_kept_as_unusable(small: Path) -> None:
    name = os.fsencode(small) + b"/train/Fear/\xff.png"
    with open(name, "wb") as file:
        file.write((small / "train/Fear/0001.png").read_bytes())
    found = manifest(small)
    assert (found.statuses[1], found.reasons[1]) == ("outside_root", "its name is not valid text")
    found.save(small / "manifest")
    assert Manifest.load(small / "manifest").keys == found.keys


def test_added_and_replaced_images_make_another_manifest(small: Path) -> None:
    first = manifest(small).source
    image(small, "train/Fear/0002.png")
    second = manifest(small)
    assert second.source != first
    assert row(second, "train/Fear/0002.png")["status"] == "no_person"
    image(small, "train/Fear/0002.png", (640, 480))
    assert manifest(small).source != second.source


def files(label: str, names: list[str]) -> list[File]:
    return [File(f"train/{label}/{name}", "train", label, name) for name in names]


def numbered(label: str, many: int) -> list[File]:
    return files(label, [f"{number:04d}.png" for number in range(1, many + 1)])


def test_validation_of_a_whole_class_is_four_runs_of_175_neighbours() -> None:
    """CAER-S has about 7,000 a class; only at the ends of a run can a clip be divided."""
    found = set(held_out([*numbered("Sad", 7000), *numbered("Fear", 6999)]))
    for label in ("Sad", "Fear"):
        held = sorted(int(path[-8:-4]) for path in found if label in path)
        assert abs(len(held) - 700) <= 88, "the nearest that whole runs of 175 can give"
        starts = sum(number - 1 not in held for number in held)
        assert starts <= 4
        assert len(held) >= 2 * 175
    assert {path[-8:-4] for path in found if "Sad" in path} != {path[-8:-4] for path in found if "Fear" in path}


def test_test_is_never_held_out() -> None:
    assert not held_out([File("test/Sad/0001.png", "test", "Sad", "0001.png")] * 2)


def test_names_that_tell_the_clip_keep_clips_whole() -> None:
    names = [f"clip_{clip:04d}_frame_{frame}.png" for clip in range(50) for frame in range(clip % 7 + 1)]
    members = files("Happy", names)
    assert len(groups(members)) == 50
    held = held_out(members)
    assert abs(len(held) - len(names) / 10) <= 3
    clips = {re.findall(r"clip_\d+", path)[0] for path in held}
    assert len(held) == sum(name[:9] in clips for name in names)
    folders = files("Happy", [f"clip{clip}/{frame:03d}.jpg" for clip in range(20) for frame in range(5)])
    assert sorted(map(len, groups(folders).values())) == [5] * 20
    assert len(held_out(folders)) == 10


def test_a_word_before_the_number_is_no_clip() -> None:
    """``Anger_0001`` numbers the frames of a class, not of one clip."""
    assert groups(files("Anger", [f"Anger_{number:04d}.png" for number in range(1, 7001)])).keys() == {
        f"Anger_ {run}" for run in range(41)
    }


@given(st.integers(0, 400), st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_choice_hangs_on_no_order_and_is_about_a_tenth(many: int, random: object) -> None:
    members = numbered("Sad", many)
    held = held_out(members)
    shuffled = list(members)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert held_out(shuffled) == held
    assert abs(len(held) - many / 10) <= max(1, many // 20)
    assert bool(held) == (many > 1)


def test_images_that_come_later_move_few_others() -> None:
    before, after = held_out(numbered("Sad", 6800)), held_out(numbered("Sad", 7000))
    common = {image.path for image in numbered("Sad", 6800)}
    assert len(before ^ (after & common)) <= 2 * 175


def test_the_manifest_tells_of_the_validation_set(tmp_path: Path) -> None:
    paths = images(tmp_path, {"train/Sad": 60, "test/Sad": 2})
    lists(tmp_path, [line(path) for path in paths[:60]], [line(path) for path in paths[60:]])
    found = manifest(tmp_path)
    assert Counter(found.splits) == {"train": 54, "val": 6, "test": 2}
    assert found.notes[0].startswith("validation: 6 of train's 60 images are held out (seed 0), by clip where names")
    held = [int(key[-10:-6]) for key, split in zip(found.keys, found.splits, strict=True) if split == "val"]
    assert np.ptp(held) == 5, "one run of six neighbours"
