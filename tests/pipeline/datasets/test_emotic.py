"""The EMOTIC reader: every person accounted for, faults named, both layouts, the stand-in of real form."""

import json
import math
import sys
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import pytest
from emotic_files import ABSENT, image, rated_person, splits, train_person, vad, write

from cache.errors import DataError
from cache.manifest import SPLITS, Manifest, Row
from cache.spec import Status
from pipeline.dataset import manifest_of, source_of
from pipeline.datasets.emotic import CATEGORIES, RELEASES, Reader, release_of
from pipeline.running.reading import usable_boxes

REAL = Path(__file__).resolve().parents[4] / "shared" / "real"
NAN = float("nan")


def read(root: Path, **images: Any) -> Manifest:
    write(root, splits(**images))
    return Reader(root).read("s")


def refused(root: Path, **images: Any) -> str:
    with pytest.raises(DataError) as error:
        read(root, **images)
    text = str(error.value)
    assert len(text.splitlines()) == 1
    return text


def one(root: Path, **fields: Any) -> Manifest:
    """A manifest whose first row is a train person with ``fields``."""
    return read(root, train=[image("a.jpg", [train_person(**fields)])])


def test_reads_labels_boxes_and_splits(tmp_path: Path) -> None:
    found = read(tmp_path, train=[image("a.jpg", [train_person(["Peace", "Anger"]), train_person(["Yearning"])])])
    assert found.keys == [f"mscoco/images/{key}" for key in ("a.jpg#0", "a.jpg#1", "val.jpg#0", "test.jpg#0")]
    assert found.splits == ["train", "train", "val", "test"]
    assert found.statuses == ["ok"] * 4
    assert found.boxes.tolist() == [[10, 20, 50, 80]] * 4
    assert found.sizes.tolist() == [[100, 90]] * 4
    labels = [[name for name, on in zip(CATEGORIES, row, strict=True) if on] for row in found.categories]
    assert labels == [["Anger", "Peace"], ["Yearning"], ["Fear", "Pain"], ["Fear", "Pain"]]
    assert found.vad.tolist() == [[4, 5, 5]] * 4
    assert found.genders == ["Male", "Male", "Female", "Female"]
    assert found.ages == ["Adult", "Adult", "Kid", "Kid"]
    assert found.folder == "emotic"
    assert found.notes == ()


def test_the_categories_are_emotics() -> None:
    assert len(CATEGORIES) == 26
    assert list(CATEGORIES) == sorted(CATEGORIES)


@pytest.mark.parametrize(
    ("box", "clamped"),
    [
        ([-5, -7, 50, 80], [0, 0, 50, 80]),
        ([10, 20, 300, 400], [10, 20, 100, 90]),
        ([-9, -9, 999, 999], [0, 0, 100, 90]),
    ],
)
def test_clamps_boxes_and_keeps_the_original(tmp_path: Path, box: list[int], clamped: list[int]) -> None:
    found = one(tmp_path, body_bbox=np.array(box, dtype=float))
    assert found.statuses[0] == "ok"
    assert found.boxes[0].tolist() == clamped
    assert found.original_boxes[0].tolist() == box
    assert found.notes == ("boxes that reached out of their images, clamped (the originals are kept): 1",)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ([50, 20, 10, 80], "box [50.0, 20.0, 10.0, 80.0] is reversed or has no area"),
        ([10, 80, 50, 80], "box [10.0, 80.0, 50.0, 80.0] is reversed or has no area"),
        ([120, 20, 150, 80], "box [120.0, 20.0, 150.0, 80.0] lies outside the image (100 x 90)"),
        ([10, -80, 50, 0], "box [10.0, -80.0, 50.0, 0.0] lies outside the image (100 x 90)"),
        ([10, NAN, 50, 80], "box [10.0, nan, 50.0, 80.0] is not four finite numbers"),
        ([10, 20, math.inf, 80], "box [10.0, 20.0, inf, 80.0] is not four finite numbers"),
        ([10, 20, 1e300, 80], "is not four finite numbers"),
        ([10, 20, 50], "body_bbox has 3 numbers, not 4"),
        ([], "body_bbox has 0 numbers, not 4"),
    ],
)
def test_a_bad_box_stays_in_the_manifest_with_its_reason(tmp_path: Path, box: list[float], reason: str) -> None:
    found = one(tmp_path, body_bbox=np.array(box, dtype=float))
    assert found.statuses == ["bad_box", "ok", "ok"]
    assert reason in found.reasons[0]
    assert np.isnan(found.boxes[0]).all()


def test_a_box_of_the_whole_image_is_fine(tmp_path: Path) -> None:
    assert one(tmp_path, body_bbox=np.array([0.0, 0, 100, 90])).statuses[0] == "ok"


def test_an_image_without_a_usable_size_spoils_its_boxes(tmp_path: Path) -> None:
    size = {"n_col": NAN, "n_row": 90.0}
    found = read(tmp_path, train=[image("a.jpg", [train_person()], image_size=size)])
    assert (found.statuses[0], found.reasons[0]) == ("bad_box", "the annotation gives no usable image size")


def test_missing_vad_leaves_the_categories_usable(tmp_path: Path) -> None:
    found = one(tmp_path, annotations_continuous=vad(NAN, 6.0, 11.0))
    assert found.statuses[0] == "ok"
    assert found.reasons[0] == "no valence, dominance 11 is not in 1..10"
    assert np.isnan(found.vad[0]).tolist() == [True, False, True]


def test_no_categories_is_no_label(tmp_path: Path) -> None:
    found = one(tmp_path, words=[])
    assert (found.statuses[0], found.reasons[0]) == ("no_label", "no categories")
    assert found.vad[0].tolist() == [4, 5, 5]


@pytest.mark.parametrize("empty", [np.empty((0, 0)), ABSENT])
def test_a_person_without_label_fields_is_no_label(tmp_path: Path, empty: Any) -> None:
    found = one(tmp_path, annotations_categories=empty, annotations_continuous=empty, gender=empty, age=empty)
    assert found.statuses[0] == "no_label"
    assert found.reasons[0] == "no categories; no valence, no arousal, no dominance"
    assert found.genders[0] == found.ages[0] == ""


def test_an_image_without_people_is_one_row(tmp_path: Path) -> None:
    found = read(tmp_path, train=[image("empty.jpg", []), image("a.jpg", [train_person()])])
    assert found.keys[0] == "mscoco/images/empty.jpg"
    assert (found.statuses[0], found.persons[0], found.reasons[0]) == (
        "no_person",
        -1,
        "the annotation names no person",
    )


def test_single_annotator_in_val_is_taken_as_it_is(tmp_path: Path) -> None:
    found = read(tmp_path, val=[image("v.jpg", [train_person(["Fear"])])])
    assert found.categories[1].sum() == 1
    assert found.notes == ()


def test_absent_combined_labels_are_merged_and_said(tmp_path: Path) -> None:
    person = rated_person([["Fear"], ["Pain", "Fear"]], combined_categories=ABSENT, combined_continuous=ABSENT)
    found = read(tmp_path, val=[image("v.jpg", [person, person])])
    assert [name for name, on in zip(CATEGORIES, found.categories[1], strict=True) if on] == ["Fear", "Pain"]
    assert found.vad[1].tolist() == [4, 5, 5]  # mean of 3 and 5
    assert found.notes == (
        "val: no combined_categories, so the union over the annotators is used; people: 2",
        "val: no combined_continuous, so the mean over the annotators is used; people: 2",
    )


def test_an_unknown_category_names_file_image_person_and_the_nearest(tmp_path: Path) -> None:
    text = refused(tmp_path, train=[image("a.jpg", [train_person(), train_person(["Peace", "Happinesst"])])])
    path = tmp_path / "Annotations" / "Annotations.mat"
    start = f"{path}: train(1) mscoco/images/a.jpg person(2): unknown category 'Happinesst'. Did you mean 'Happiness'?"
    assert text.startswith(start)


@pytest.mark.parametrize(
    ("folder", "file"),
    [("../../etc", "passwd"), ("/etc", "passwd"), ("mscoco/images", "../../../x.jpg"), (".", ".")],
)
def test_a_path_out_of_the_root_is_kept_with_a_harmless_key(tmp_path: Path, folder: str, file: str) -> None:
    rows = [image(file, [train_person()], folder=folder), image("a.jpg", [train_person()])]
    found = read(tmp_path, train=rows)
    assert found.statuses == ["outside_root", "ok", "ok", "ok"]
    assert found.reasons[0].startswith("train(1) ")
    assert found.reasons[0].endswith("leads out of the dataset's folder")
    assert "/" not in found.images[0]


def test_a_nul_in_a_name_is_kept_with_a_harmless_key(tmp_path: Path) -> None:
    path = write(tmp_path, splits(train=[image("a~b.jpg", [train_person()])]))
    path.write_bytes(path.read_bytes().replace(b"a~b.jpg", b"a\0b.jpg"))  # scipy would write a blank
    found = Reader(tmp_path).read("s")
    assert (found.statuses[0], found.images[0]) == ("outside_root", "outside_root:mscoco%2Fimages%2Fa%00b.jpg")


def test_an_image_that_stands_twice_numbers_its_people_on(tmp_path: Path) -> None:
    rows = [image("a.jpg", [train_person(), train_person()]), image("a.jpg", [train_person(["Anger"])])]
    found = read(tmp_path, train=rows, val=[image("a.jpg", [rated_person()])])
    assert [key[-7:] for key in found.keys[:4]] == ["a.jpg#0", "a.jpg#1", "a.jpg#2", "a.jpg#3"]
    assert found.splits[:4] == ["train", "train", "train", "val"]
    assert found.notes == (
        "images that stand again: 2, first train(2) mscoco/images/a.jpg",
        "images that stand in two splits: 1, first val(1) mscoco/images/a.jpg (also in train); "
        "people left out as other_split (test keeps an image before val, val before train): 3",
    )


@pytest.mark.parametrize(
    ("splits_of_a", "kept"),
    [(("train", "val"), "val"), (("train", "test"), "test"), (("val", "test"), "test"), (SPLITS, "test")],
)
def test_an_image_of_two_splits_is_used_in_the_one_that_scores(
    tmp_path: Path, splits_of_a: tuple[str, ...], kept: str
) -> None:
    """A head must not train on, or be chosen by, an image that it is tested on."""
    people = {"train": train_person(), "val": rated_person(), "test": rated_person()}
    found = read(tmp_path, **{split: [image("a.jpg", [people[split]])] for split in splits_of_a})
    at_a = [row for row, path in enumerate(found.images) if path.endswith("/a.jpg")]
    told = {found.splits[row]: (found.statuses[row], found.reasons[row]) for row in at_a}
    lost = ("other_split", f"the image is also in {kept}, which keeps it")
    assert told == {split: ("ok", "") if split == kept else lost for split in splits_of_a}


def test_whoever_is_unusable_anyway_keeps_that_reason(tmp_path: Path) -> None:
    """A bad box must stay one: features are extracted for whoever is in the other split."""
    people = [train_person(body_bbox=np.array([5.0, 5, 1, 1])), train_person([])]
    found = read(tmp_path, train=[image("a.jpg", people)], val=[image("a.jpg", [rated_person()])])
    assert found.statuses[:3] == ["bad_box", "no_label", "ok"]


def test_people_of_the_other_split_have_features(tmp_path: Path) -> None:
    found = read(tmp_path, train=[image("a.jpg", [train_person()])], val=[image("a.jpg", [rated_person()])])
    boxes, unusable = usable_boxes(found, np.arange(2), (100, 90))
    assert found.statuses[:2] == ["other_split", "ok"]
    assert (len(boxes), unusable) == (2, {})


def test_a_box_of_which_the_photograph_holds_three_pixels_is_too_small(tmp_path: Path) -> None:
    """The annotation gives a width of 100; x1 is 10."""
    found = read(tmp_path, train=[image("a.jpg", [train_person()])])
    assert found.statuses[0] == "ok"
    boxes, unusable = usable_boxes(found, np.arange(1), (13, 90))
    told = "the crop has 3 x 60 pixels, the least is 4 x 4"
    assert (len(boxes), unusable) == (0, {0: (Status.TOO_SMALL, told)})
    assert len(usable_boxes(found, np.arange(1), (14, 90))[0]) == 1


def test_odd_names_are_keys_and_one_line_errors(tmp_path: Path) -> None:
    found = read(tmp_path, train=[image("two words\né#.jpg", [train_person()])])
    assert found.keys[0] == "mscoco/images/two words\né#.jpg#0"
    assert "two words" in refused(tmp_path, train=[image("two words\n.jpg", [train_person(["Joy"])])])


@pytest.mark.parametrize("field", ["filename", "folder", "image_size", "person"])
def test_a_missing_image_field_is_named(tmp_path: Path, field: str) -> None:
    text = refused(tmp_path, train=[image("a.jpg", [train_person()]) | {field: ABSENT}])
    assert "train(1)" in text
    assert f"has no field {field!r}" in text


@pytest.mark.parametrize("name", [np.array(["ab", "cd"]), 3.0, np.empty((0, 0)), ""])
def test_a_filename_that_is_no_text_is_named(tmp_path: Path, name: Any) -> None:
    text = refused(tmp_path, train=[image("a.jpg", [train_person()]) | {"filename": name}])
    assert "train(1): filename is empty or not text" in text


def test_a_missing_box_field_is_named(tmp_path: Path) -> None:
    text = refused(tmp_path, train=[image("a.jpg", [train_person(body_bbox=ABSENT)])])
    assert "train(1) mscoco/images/a.jpg person(1): has no field 'body_bbox', which EMOTIC's annotation has" in text


def test_a_file_in_which_nobody_has_categories_is_not_emotics(tmp_path: Path) -> None:
    none = train_person(annotations_categories=ABSENT)
    text = refused(tmp_path, **{split: [image(f"{split}.jpg", [none])] for split in ("train", "val", "test")})
    assert "no person has the field annotations_categories or combined_categories" in text


@pytest.mark.parametrize("value", [np.array([1.0, 2.0]), "train", np.empty((0, 0)), 3.5])
def test_a_split_of_something_else_is_named(tmp_path: Path, value: Any) -> None:
    write(tmp_path, splits() | {"val": value})
    with pytest.raises(DataError, match=r"split 'val' is empty|val\(1\): is not a struct with the field 'folder'"):
        Reader(tmp_path).read("s")


def test_a_missing_split_is_named(tmp_path: Path) -> None:
    variables = splits()
    del variables["val"]
    write(tmp_path, variables)
    with pytest.raises(DataError, match=r"has no variable 'val'\. Annotations\.mat holds train, val, test"):
        Reader(tmp_path).read("s")


def test_a_wrong_root_names_the_path_and_the_cure(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        source_of(Reader(tmp_path))
    path = tmp_path / "Annotations" / "Annotations.mat"
    cure = "ROOT is the folder that holds Annotations/ and emotic/"
    assert str(error.value) == f"{path}: no such file, nor train, val or test as .csv or .json. {cure}"


def test_a_root_without_images_names_what_it_lacks(tmp_path: Path) -> None:
    write(tmp_path, splits())
    (tmp_path / "emotic").rmdir()
    with pytest.raises(DataError) as error:
        Reader(tmp_path).read("s")
    cure = "ROOT is the folder that holds Annotations/ and emotic/"
    assert str(error.value) == f"{tmp_path}: holds neither emotic/ nor mscoco. {cure}"


def test_image_folders_right_in_the_root_give_the_same_keys(tmp_path: Path) -> None:
    path = write(tmp_path, splits())
    usual = Reader(tmp_path).read("s")
    (tmp_path / "emotic").rename(tmp_path / "mscoco")
    path.rename(tmp_path / "Annotations.mat")
    flat = Reader(tmp_path).read("s")
    assert flat.folder == ""
    assert flat.keys == usual.keys


@pytest.mark.parametrize("name", ["annotations/Annotations.mat", "annotations/annotations.mat", "Annotations.mat"])
def test_the_annotation_is_found_under_its_other_names(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, splits())
    (tmp_path / name).parent.mkdir(exist_ok=True)
    path.rename(tmp_path / name)
    assert Reader(tmp_path).annotation_files() == [tmp_path / name]


@pytest.mark.parametrize(
    ("images", "people", "release"),
    [
        (*RELEASES["CVPR'17"], "CVPR'17"),
        (*RELEASES["PAMI'19"], "PAMI'19"),
        (23_570, 33_784, "PAMI'19"),  # people a public converter keeps
        (18_313, 34_320, "unrecognised (18313 images, 34320 people)"),
        (3, 4, "unrecognised (3 images, 4 people)"),
    ],
)
def test_the_release_is_told_from_the_counts(images: int, people: int, release: str) -> None:
    rows = [Row(f"{i}", 0, "train") for i in range(images)]
    rows += [Row("0", 1 + k, "train") for k in range(people - images)]
    assert release_of(rows) == release


def test_the_manifest_is_read_once_per_state_of_the_annotation(tmp_path: Path) -> None:
    root, cached = tmp_path / "root", tmp_path / "manifest.parquet"
    write(root, splits())
    first = manifest_of(Reader(root), cached)
    first.save(cached)
    again = manifest_of(Reader(root), cached)
    assert again.source == first.source
    write(root, splits(train=[image("other.jpg", [train_person()])]))
    assert manifest_of(Reader(root), cached).images[0] == "mscoco/images/other.jpg"


def test_importing_the_readers_loads_nothing_heavy() -> None:
    heavy = "torch torchvision cv2 scipy sklearn mmengine pandas"
    code = (
        "import sys, pipeline.datasets.emotic, pipeline.datasets.demo;"
        f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/real")
def test_the_real_form() -> None:
    found = Reader(REAL / "emotic").read("s")
    assert found.counts() == {"train": {"ok": 5}, "val": {"ok": 6}, "test": {"ok": 5}}
    assert found.release == "unrecognised (6 images, 16 people)"
    assert np.isnan(found.vad).all(axis=1).sum() == 1
    (blank,) = np.flatnonzero(np.isnan(found.vad[:, 0]))
    assert found.keys[blank] == "mscoco/images/000000040083.jpg#1"
    assert found.reasons[blank] == "no valence, no arousal, no dominance"
    (cut,) = np.flatnonzero((found.boxes != found.original_boxes).any(axis=1))
    assert found.original_boxes[cut].tolist() == [-152, 74, 417, 454]
    assert found.boxes[cut].tolist() == [0, 74, 417, 429]


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/real")
def test_the_real_forms_boxes_are_those_of_coco() -> None:
    """Independent of the .mat: the same people in COCO's own annotation (x, y, width, height), to a pixel."""
    found = Reader(REAL / "emotic").read("s")
    coco = json.loads((REAL / "photos" / "persons_coco.json").read_text())
    files = {entry["id"]: entry["file_name"] for entry in coco["images"]}
    known: dict[str, list[Any]] = {}
    for entry in coco["annotations"]:
        x, y, width, height = entry["bbox"]
        known.setdefault(Path(files[entry["image_id"]]).name, []).append((x, y, x + width, y + height))
    checked = 0
    for key, box in zip(found.images, found.original_boxes.tolist(), strict=True):
        for boxes in [known.get(Path(key).name, [])]:
            checked += any(max(abs(a - b) for a, b in zip(box, one, strict=True)) <= 1 for one in boxes)
    assert checked >= 12  # two files are planted, and the clamped box is made up
