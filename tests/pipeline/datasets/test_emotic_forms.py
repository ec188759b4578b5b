"""EMOTIC without its .mat: a converter's CSV, COCO-style JSON with 26 labels in a number, and several forms at once."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotic_files import coco, csv_line, image, splits, train_person, write, write_coco, write_csv
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.errors import DataError
from cache.manifest import Manifest, Row
from pipeline.dataset import source_of
from pipeline.datasets.emotic import CATEGORIES, RELEASES, USABLE, Reader, published, release_of
from pipeline.running.extraction import describe

LABELS = Path(__file__).resolve().parents[4] / "shared" / "real" / "labels"
BOX = (10, 20, 40, 60)


def refused(reader: Reader) -> str:
    with pytest.raises(DataError) as error:
        reader.read("s")
    text = str(error.value)
    assert len(text.splitlines()) == 1
    return text


def words(found: Manifest, row: int) -> list[str]:
    return [name for name, on in zip(CATEGORIES, found.categories[row], strict=True) if on]


# --- CSV


def test_csv_gives_what_the_mat_gives(tmp_path: Path) -> None:
    """The converter's rows of the same people: same keys, boxes, labels; only the notes differ."""
    people = [
        train_person(["Peace", "Doubt/Confusion"]),
        train_person(["Yearning"], body_bbox=np.array([1.0, 2, 99, 4])),
    ]
    (tmp_path / "mat").mkdir()
    write(tmp_path / "mat", splits(train=[image("a.jpg", people)]))
    rows = [
        csv_line("a.jpg"),
        csv_line("a.jpg", BBox="[1, 2, 99, 4]", Categorical_Labels="['Yearning']"),
    ]
    rated = {"Categorical_Labels": "['Fear', 'Pain']", "Gender": "Female", "Age": "Kid"}
    (tmp_path / "csv").mkdir()
    reader = write_csv(
        tmp_path / "csv", train=rows, val=[csv_line("val.jpg", **rated)], test=[csv_line("test.jpg", **rated)]
    )
    ours, theirs = reader.read("s"), Reader(tmp_path / "mat").read("s")
    assert (ours.keys, ours.splits, ours.statuses) == (theirs.keys, theirs.splits, theirs.statuses)
    assert (ours.genders, ours.ages, ours.folder) == (theirs.genders, theirs.ages, theirs.folder)
    for column in ("boxes", "original_boxes", "sizes", "categories", "vad", "persons"):
        np.testing.assert_array_equal(getattr(ours, column), getattr(theirs, column))
    assert ours.notes == (
        "read from CSV (train.csv, val.csv, test.csv): people without labels, without VAD or of an image that the "
        "converter could not read are not in it",
    )


def test_csv_as_the_converter_itself_writes_it(tmp_path: Path) -> None:
    """Python's csv module and list literals, with a name that needs quoting."""
    text = io.StringIO()
    out = csv.writer(text, delimiter=",", dialect="excel")
    columns = ["Index", "Folder", "Filename", "Image Size", "BBox", "Categorical_Labels", "Continuous_Labels"]
    out.writerow([*columns, "Gender", "Age"])
    out.writerow(
        [
            0,
            "framesdb/images",
            'a,"b".jpg',
            [640, 480],
            [0, 0, 640, 480],
            ["Anger", "Fear"],
            [1.0, math.nan, 9.5],
            "F",
            "A",
        ]
    )
    reader = write_csv(tmp_path)
    (tmp_path / "emotic_pre" / "test.csv").write_text(text.getvalue())
    found = reader.read("s")
    assert found.keys == ['framesdb/images/a,"b".jpg#0']
    assert (found.statuses, found.reasons) == (["ok"], ["no arousal"])
    assert words(found, 0) == ["Anger", "Fear"]
    assert found.vad[0, [0, 2]].tolist() == [1, 9.5]
    assert found.sizes.tolist() == [[640, 480]]
    assert "splits without a file: train, val" in found.notes


def test_csv_rows_of_one_image_are_its_people_wherever_they_stand(tmp_path: Path) -> None:
    found = write_csv(tmp_path, val=[csv_line("a.jpg"), csv_line("b.jpg"), csv_line("a.jpg", Gender="Female")]).read(
        "s"
    )
    assert [key[-7:] for key in found.keys] == ["a.jpg#0", "a.jpg#1", "b.jpg#0"]
    assert found.genders == ["Male", "Female", "Male"]


def test_csv_repeated_rows_are_told(tmp_path: Path) -> None:
    found = write_csv(tmp_path, val=[csv_line("a.jpg"), csv_line("b.jpg"), csv_line("a.jpg")]).read("s")
    assert len(found) == 3
    assert "rows that repeat an earlier row, kept as more people: 1, first val.csv:4" in found.notes


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"Categorical_Labels": "['Peace', 'Happinesst']"}, "unknown category 'Happinesst'. Did you mean 'Happiness'?"),
        ({"Categorical_Labels": "Peace"}, "Categorical_Labels 'Peace' is not a list of words, as in ['Anger', 'Fear']"),
        ({"Categorical_Labels": "[1]"}, "is not a list of words"),
        ({"Categorical_Labels": "[['Peace']]"}, "is not a list of words"),
        ({"Categorical_Labels": "[__import__('os').system('x')]"}, "is not a list of words"),
        ({"Categorical_Labels": "[" + "'Peace'," * 5000 + "'Peace']"}, "is not a list of words"),
        ({"BBox": "[1, 2, 3]"}, "BBox has 3 numbers, not 4"),
        ({"BBox": "[1, 2, 3, x]"}, "BBox '[1, 2, 3, x]' is not a list of numbers, as in [1, 2]"),
        ({"BBox": "[1, 2, 3, 4"}, "is not a list of numbers"),
        ({"BBox": "(1, 2, 3, 4)"}, "is not a list of numbers"),
        ({"BBox": "[" * 5000}, "is not a list of numbers"),
        ({"Image Size": "[]"}, "Image Size has 0 numbers, not 2"),
        ({"Continuous_Labels": "[1, 2]"}, "Continuous_Labels has 2 numbers, not 3"),
        ({"Filename": ""}, "Filename is empty"),
    ],
)
def test_csv_faults_name_file_and_line(tmp_path: Path, fields: dict[str, str], told: str) -> None:
    reader = write_csv(tmp_path, train=[csv_line("a.jpg"), csv_line("b.jpg", **fields)])
    text = refused(reader)
    assert text.startswith(f"{tmp_path}/emotic_pre/train.csv:3: ")
    assert told in text


def test_csv_sizes_of_one_image_must_agree(tmp_path: Path) -> None:
    reader = write_csv(tmp_path, train=[csv_line("a.jpg"), csv_line("a.jpg", **{"Image Size": "[90, 100]"})])
    told = "train.csv:3: Image Size [90, 100] differs from [100, 90] of the same image in line 2"
    assert told in refused(reader)


def test_csv_without_a_column_is_named(tmp_path: Path) -> None:
    reader = write_csv(tmp_path, train=[csv_line("a.jpg")])
    path = tmp_path / "emotic_pre" / "train.csv"
    path.write_text(path.read_text().replace("Image Size", "ImageSize"))
    assert "train.csv:1: has no column 'Image Size'. It has Index, Folder, Filename, ImageSize" in refused(reader)


@pytest.mark.parametrize("folder", ["Annotations", "annotations", "emotic_pre", "."])
def test_csv_is_found_where_it_is_put(tmp_path: Path, folder: str) -> None:
    assert len(write_csv(tmp_path, folder, val=[csv_line("a.jpg")]).read("s")) == 1


# --- JSON


def test_json_labels_are_digits_from_affection_on(tmp_path: Path) -> None:
    people = [(1, int("1" + "0" * 25, 2), BOX), (1, 1, BOX), (1, int("01" + "0" * 23 + "1", 2), BOX), (1, 0, BOX)]
    found = write_coco(tmp_path, val=coco(["mscoco/images/a.jpg"], people)).read("s")
    assert [words(found, row) for row in range(4)] == [["Affection"], ["Yearning"], ["Anger", "Yearning"], []]
    assert found.statuses == ["ok", "ok", "ok", "no_label"]
    assert found.boxes[0].tolist() == [10, 20, 50, 80]
    assert np.isnan(found.vad).all()
    assert "HEAD boxes" in found.notes[0]


def test_json_keeps_images_without_people_and_boxes_out_of_them(tmp_path: Path) -> None:
    people = [(2, 1, (90, 80, 50, 50)), (2, 1, (10, 20, 0, 5)), (2, 1, (200, 5, 5, 5))]
    found = write_coco(tmp_path, test=coco(["a.jpg", "b.jpg"], people)).read("s")
    assert found.keys == ["a.jpg", "b.jpg#0", "b.jpg#1", "b.jpg#2"]
    assert found.statuses == ["no_person", "ok", "bad_box", "bad_box"]
    assert found.boxes[1].tolist() == [90, 80, 100, 90]
    assert found.reasons[2] == "box [10.0, 20.0, 10.0, 25.0] is reversed or has no area"


def spoilt(**changes: Any) -> dict[str, Any]:
    """Content whose only person has other fields; None takes one away."""
    content = coco(["a.jpg"], [(1, 1, BOX)])
    person = content["annotations"][0] | changes
    content["annotations"] = [{name: value for name, value in person.items() if value is not None}]
    return content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (spoilt(category_id=1 << 26), "annotations[0]: category_id 67108864 is not a number of 26 binary digits"),
        (spoilt(category_id=-1), "category_id -1 is not a number of 26 binary digits"),
        (spoilt(category_id="1"), "annotations[0]: category_id '1' is not a whole number"),
        (spoilt(category_id=True), "category_id 'True' is not a whole number"),
        (spoilt(category_id=1.5), "category_id '1.5' is not a whole number"),
        (spoilt(category_id=None), "annotations[0]: has no 'category_id'"),
        (spoilt(bbox=None), "annotations[0]: has no 'bbox'"),
        (spoilt(image_id=7), "annotations[0]: no image has the id that its image_id names, 7"),
        (coco(["a.jpg"], []), "has no list 'annotations', or an empty one"),
        (coco([], [(1, 1, BOX)]), "has no list 'images', or an empty one"),
        (coco([""], [(1, 1, BOX)]), "images[0]: file_name is empty or not text"),
        (
            coco(["a.jpg"], [(1, 1, BOX)]) | {"categories": [{"id": 1, "name": "x"}]},
            "lists categories, so its category_id",
        ),
        ([], "is a JSON list, not an object with images and annotations"),
        ({"images": [3], "annotations": [{}]}, "annotations[0]: has no 'image_id'"),
    ],
)
def test_json_faults_name_file_and_entry(tmp_path: Path, content: Any, told: str) -> None:
    text = refused(write_coco(tmp_path, val=content))
    assert text.startswith(f"{tmp_path}/Annotations/val_bi.json: ")
    assert told in text


def test_json_with_an_id_that_stands_twice(tmp_path: Path) -> None:
    content = coco(["a.jpg", "b.jpg"], [(1, 1, BOX)])
    content["images"][1]["id"] = 1
    assert "images[1]: an image before it has the same id 1" in refused(write_coco(tmp_path, val=content))


@pytest.mark.parametrize("bbox", [[1, 2, 3], 5, [1, 2, "3", 4], [1, 2, math.nan, 4], [1, 2, 1e308, 4], {}])
def test_json_boxes_that_are_none_stay_with_their_reason(tmp_path: Path, bbox: Any) -> None:
    found = write_coco(tmp_path, val=spoilt(bbox=bbox)).read("s")
    assert found.statuses == ["bad_box"]
    assert found.reasons[0].startswith("box ")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": ' + "9" * 5000 + "}", "\0", '"\\ud800"'])
def test_what_is_no_json_is_one_line(tmp_path: Path, text: str) -> None:
    reader = write_coco(tmp_path, val=coco(["a.jpg"], [(1, 1, BOX)]))
    (tmp_path / "Annotations" / "val_bi.json").write_text(text)
    assert refused(reader).startswith(f"{tmp_path}/Annotations/val_bi.json: is ")


@settings(max_examples=150, deadline=None)
@given(
    at=st.integers(0, 10_000), new=st.binary(max_size=8), cut=st.integers(0, 8), form=st.sampled_from(["csv", "json"])
)
def test_damage_ends_in_one_line_or_a_manifest(
    tmp_path_factory: pytest.TempPathFactory, at: int, new: bytes, cut: int, form: str
) -> None:
    root = tmp_path_factory.mktemp("damaged")
    if form == "csv":
        reader, path = write_csv(root, val=[csv_line("a.jpg")] * 2), root / "emotic_pre" / "val.csv"
    else:
        reader, path = write_coco(root, val=coco(["a.jpg"], [(1, 9, BOX)])), root / "Annotations" / "val_bi.json"
    data = path.read_bytes()
    at %= len(data)
    path.write_bytes(data[:at] + new + data[at + cut :])
    try:
        reader.read("s").counts()
    except DataError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 (not every input is refused)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    if not LABELS.exists():
        pytest.skip("needs ../shared/real")
    root = tmp_path_factory.mktemp("cvpr17")
    (root / "emotic").mkdir()
    (root / "emotic_cvpr17_val.json").write_bytes((LABELS / "emotic_cvpr17_val.json").read_bytes())
    return Reader(root).read("s")


def test_the_real_json(real: Manifest) -> None:
    assert len(real) == 2397
    assert len(set(real.images)) == 1705
    assert set(real.splits) == {"val"}
    assert real.release == "CVPR'17"
    assert real.counts() == {"val": {"ok": 2397}}
    assert describe(real)[0] == "emotic, release CVPR'17: 2397 people"
    assert "published for CVPR'17: 18,313 images, 23,788 people; public converters keep val 2,397" in real.notes


def test_the_real_jsons_labels_read_as_emotics_do(real: Manifest) -> None:
    """Counted apart from the reader. Engagement is EMOTIC's commonest label; from the other end it would be Fatigue."""
    content = json.loads((LABELS / "emotic_cvpr17_val.json").read_text())
    counts = np.zeros(26, int)
    for one in content["annotations"]:
        counts += np.array(list(np.binary_repr(one["category_id"], 26)), int)
    np.testing.assert_array_equal(real.categories.sum(axis=0), counts)
    order = [CATEGORIES[k] for k in np.argsort(-counts)[:5]]
    assert order == ["Engagement", "Anticipation", "Happiness", "Excitement", "Confidence"]
    together = real.categories.T.astype(int) @ real.categories
    anger, annoyance, happiness = (CATEGORIES.index(name) for name in ("Anger", "Annoyance", "Happiness"))
    assert together[anger, annoyance] / counts[anger] > 0.5 > together[anger, happiness] / counts[anger]


# --- which form, which release


def test_the_mat_wins_over_csv_and_json_and_it_is_said(tmp_path: Path) -> None:
    write(tmp_path, splits())
    alone = source_of(Reader(tmp_path))
    write_csv(tmp_path, val=[csv_line("a.jpg")])
    write_coco(tmp_path, val=coco(["a.jpg"], [(1, 1, BOX)]))
    found = Reader(tmp_path).read("s")
    assert len(found) == 3
    assert found.notes == ("only the .mat was read; also there: Annotations/val_bi.json, emotic_pre/val.csv",)
    assert source_of(Reader(tmp_path)) != alone


def test_csv_wins_over_json(tmp_path: Path) -> None:
    write_coco(tmp_path, val=coco(["a.jpg"], [(1, 1, BOX)]))
    found = write_csv(tmp_path, val=[csv_line("a.jpg")]).read("s")
    assert found.genders == ["Male"]
    assert "only CSV was read; also there: Annotations/val_bi.json" in found.notes


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    reader = write_csv(tmp_path, val=[csv_line("a.jpg")], emotic_val=[csv_line("a.jpg")])
    assert refused(reader) == f"{tmp_path}/emotic_pre: emotic_val.csv and val.csv are both for val. Keep one there"


def test_a_control_character_in_a_columns_name_stays_in_one_line(tmp_path: Path) -> None:
    reader = write_csv(tmp_path, val=[csv_line("a.jpg")])
    (path := tmp_path / "emotic_pre" / "val.csv").write_bytes(path.read_bytes().replace(b"Folder", b"\x0bFol\x0bder"))
    assert r"val.csv:1: has no column 'Folder'. It has" in refused(reader)


def test_files_beside_the_splits_that_are_not_read_are_named(tmp_path: Path) -> None:
    reader = write_csv(tmp_path, val=[csv_line("a.jpg")], test_train=[csv_line("b.jpg")])
    alone = source_of(reader)
    (tmp_path / "emotic_pre" / "more.JSON").write_text("{}")
    (tmp_path / "emotic_pre" / "odd\n.csv").write_text("")
    found = Reader(tmp_path).read("s")
    assert len(found) == 1
    names = r"emotic_pre/more.JSON, 'emotic_pre/odd\n.csv', emotic_pre/test_train.csv"
    assert f"only CSV was read; also there: {names}" in found.notes
    assert source_of(Reader(tmp_path)) != alone


def test_files_of_other_names_are_no_annotation(tmp_path: Path) -> None:
    reader = write_csv(tmp_path, trainval=[csv_line("a.jpg")], notes=[csv_line("a.jpg")])
    assert "no such file, nor train, val or test as .csv or .json" in refused(reader)


def test_which_file_is_which_split_is_part_of_the_source(tmp_path: Path) -> None:
    first = source_of(write_csv(tmp_path, train=[csv_line("a.jpg")]))
    (tmp_path / "emotic_pre" / "train.csv").rename(tmp_path / "emotic_pre" / "val.csv")
    assert source_of(Reader(tmp_path)) != first


@pytest.mark.parametrize(
    ("people", "release"),
    [
        (USABLE["PAMI'19"], "PAMI'19"),
        ({"train": 23_266}, "PAMI'19"),
        ({"val": 3_315, "test": 7_203}, "PAMI'19"),
        ({"val": 3_334}, "PAMI'19"),
        ({"val": 2_397}, "CVPR'17"),
        ({"val": 2_397, "test": 7_203}, "unrecognised (9600 images, 9600 people)"),
        ({"test": 2_397}, "unrecognised (2397 images, 2397 people)"),
        ({}, "unrecognised (0 images, 0 people)"),
    ],
)
def test_the_release_of_single_splits(people: dict[str, int], release: str) -> None:
    assert release_of([Row(f"{split}{k}", 0, split) for split, n in people.items() for k in range(n)]) == release


def test_published_counts_stand_beside_ours() -> None:
    rows = [Row(f"{k}", 0, "train") for k in range(3000)]
    kept = "public converters keep train 23,266, val 3,315, test 7,203"
    assert published("PAMI'19", rows) == [f"published for PAMI'19: 23,571 images, 34,320 people; {kept}"]
    assert len(published("unrecognised (3000 images, 3000 people)", rows)) == len(RELEASES)
    assert published("unrecognised (30 images, 30 people)", rows[:30]) == []
