"""A table of one's own: the documented example from end to end, and one line for every row that cannot be meant."""

import inspect
import math
import re
from pathlib import Path

import numpy as np
import pytest
from dataset_case import photo
from table_cases import HEADER, LINES, build, unsplit, write

from cache.errors import DataError
from cache.manifest import Manifest
from cache.spec import Status
from cache.store import Store
from pipeline.cli import main
from pipeline.dataset import Reading, manifest_of
from pipeline.datasets import table
from pipeline.datasets._table_columns import COLUMNS
from pipeline.datasets.table import Reader

PAGE = Path(__file__).resolve().parents[3] / "docs" / "own-data.md"


def refused(root: Path, *lines: str, header: str = HEADER) -> str:
    with pytest.raises(DataError) as error:
        write(root, lines, header).read("s")
    text = str(error.value)
    assert len(text.splitlines()) == 1
    return text


def example() -> list[str]:
    """The lines of labels.csv in the documentation."""
    told = inspect.getdoc(table) or ""
    return re.findall(r"^    ((?:image|photos/).*)$", told, re.MULTILINE)


def test_the_documented_example_runs_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the command line runs it, with the one stage whose trained weights need no download."""
    root, store = tmp_path / "mine", tmp_path / "store"
    for name in ("a", "b", "c"):
        photo(root / "photos" / f"{name}.jpg", (440, 420))
    (root / "labels.csv").write_text("\n".join([*example(), ""]))
    words = ["--dataset", "table", "--root", str(root), "--store", str(store), "--stages", "face"]
    assert main(["extract", *words]) == 0
    told = capsys.readouterr().out
    assert "table, release 3 images, 4 people: 4 people\n  train: 2 ok\n  val: 1 ok\n  test: 1 ok\n" in told
    found = Store(store).manifest("table")
    assert found.category_names == ("afraid", "calm", "excited", "happy")
    assert found.keys == ["photos/a.jpg#0", "photos/a.jpg#1", "photos/b.jpg#0", "photos/c.jpg#0"]
    assert found.boxes.tolist() == [[12, 30, 210, 420], [230, 25, 400, 415], [0, 0, 440, 420], [40, 10, 300, 380]]
    crops, status = Store(store).features("table")["face"].read("crop", found.keys)
    assert crops.shape == (4, 160, 160, 3)
    assert set(status.tolist()) == {Status.NO_FACE}  # the photographs are of one colour
    assert main(["status", "--dataset", "table", "--store", str(store)]) == 0
    assert main(["extract", *words]) == 0
    assert "nothing to extract" in capsys.readouterr().out


def test_the_page_shows_the_same_example() -> None:
    text = PAGE.read_text()
    if "labels.csv" in text:
        assert all(line in text for line in example())
        assert "make extract DATASET=table ROOT=" in text
    assert len(example()) == 5


def test_the_documentation_names_every_column() -> None:
    told = inspect.getdoc(table) or ""
    assert all(re.search(rf"\b{name}\b", told) for name in COLUMNS)


def test_reads_people_labels_and_whole_images(tmp_path: Path) -> None:
    found = build(tmp_path).read("s")
    names = ["photos/a.jpg#0", "photos/a.jpg#1", "photos/b.jpg#0", "c.jpg#0", "c.jpg#1", "c.jpg#2", "absent.jpg#0"]
    assert found.keys == names
    assert found.category_names == ("afraid", "calm", "excited", "happy", "sad")
    assert found.statuses == ["ok", "ok", "ok", "bad_box", "too_small", "no_label", "missing"]
    assert found.reasons[3] == "box [200.0, 200.0, 210.0, 210.0] lies outside the image (100 x 90)"
    assert found.reasons[6] == "no such file"
    assert found.boxes[:3].tolist() == [[10, 20, 50, 80], [0, 5, 40, 90], [0, 0, 100, 90]]
    assert found.categories[[0, 1, 2]].tolist() == [[0, 0, 1, 1, 0], [0, 1, 0, 0, 0], [1, 0, 0, 0, 1]]
    assert found.splits == ["train", "train", "val", "test", "test", "test", "test"]
    assert found.release == "4 images, 7 people"
    assert found.notes == (
        "images that cannot be used: 1 (1 missing), first absent.jpg (no such file); their people have no usable box",
        "boxes that reached out of their images, clamped (the originals are kept): 1",
    )


def test_without_a_split_images_are_drawn_and_it_is_said(tmp_path: Path) -> None:
    found = unsplit(tmp_path).read("s")
    assert found.counts() == {"train": {"ok": 14}, "val": {"ok": 2}, "test": {"ok": 4}}
    assert found.notes == (
        "no column split: images drawn 70/10/20 by seeded hash (seed 0); 2 moved so that every class is in every part",
    )
    assert (found.boxes == [0, 0, 100, 90]).all()
    assert found.vad[0].tolist()[::2] == [1, 5.5]
    assert np.isnan(found.vad[:, 1]).all()
    assert (found.genders[3], found.ages[3]) == ("f", "3")


def test_a_column_split_that_is_all_blank_is_as_good_as_none(tmp_path: Path) -> None:
    lines = [line.rpartition(",")[0] + "," for line in LINES]
    assert "no column split" in write(tmp_path, lines).read("s").notes[0]


def test_labels_that_differ_in_capitals_are_told(tmp_path: Path) -> None:
    found = write(tmp_path, ["c.jpg,1,2,3,4,happy,train", "photos/a.jpg,1,2,3,4,Happy,val"]).read("s")
    assert found.category_names == ("Happy", "happy")
    assert found.notes == ("labels that differ only in capitals, kept apart: Happy, happy",)


def test_labels_that_hold_a_comma_are_told_and_kept(tmp_path: Path) -> None:
    lines = ["c.jpg,calm", 'photos/a.jpg,"happy,sad"', 'photos/b.jpg,"happy, tired;calm"']
    found = write(tmp_path, lines, "image,labels").read("s")
    assert found.category_names == ("calm", "happy, tired", "happy,sad")
    told = "labels that hold a comma, each taken for one (several are separated by ; or |): 2 rows, first labels.csv:3"
    assert f"{told} 'happy,sad'" in found.notes


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("c.jpg,1,2,30,x,happy,train", "y2 'x' is not a finite number. Write it with a point"),
        ("c.jpg,1,2,30,nan,happy,train", "y2 'nan' is not a finite number."),
        ("c.jpg,1,2,inf,4,happy,train", "x2 'inf' is not a finite number."),
        ("c.jpg,1,2,30,,happy,train", "y2 is blank and others are not. All four blank mean the whole image"),
        ("c.jpg,30,2,1,4,happy,train", "x1=30 is not less than x2=1. A box is left, top, right, bottom in pixels"),
        ("c.jpg,1,4,30,4,happy,train", "y1=4 is not less than y2=4."),
        ("c.jpg,1,2,30,40,happy,dev", "split 'dev' is none. Known: test, train, val."),
        ("c.jpg,1,2,30,40,happy,tran", "split 'tran' is none. Did you mean 'train'?"),
        ("c.jpg,1,2,30,40,happy,", "split '' is none."),
        ("c.jpg,1,2,30,40,happy", "has 6 fields, the header 7."),
        ("c.jpg,1,2,30,40,happy,sad,train", "has 8 fields, the header 7. Text with a comma in it stands in double"),
        (",1,2,30,40,happy,train", "image '' names "),
        ("../c.jpg,1,2,30,40,happy,train", "image '../c.jpg' leads out of "),
        ("/c.jpg,1,2,30,40,happy,train", "image '/c.jpg' leads out of "),
        ("photos\\a.jpg,1,2,30,40,happy,train", "is a Windows path. Write it with / and below "),
        ("C:/a.jpg,1,2,30,40,happy,train", "image 'C:/a.jpg' is a Windows path."),
        (
            "photos/a.jpg,10,20,50,80,sad,train",
            "photos/a.jpg with the same box stands in line 2 already. One row is one person; separate several labels",
        ),
        (
            "photos/a.jpg,1,2,30,40,sad,test",
            "photos/a.jpg is in test, and in train in line 2. All people of an image go into one split",
        ),
    ],
)
def test_bad_rows_name_file_line_and_cure(tmp_path: Path, line: str, told: str) -> None:
    text = refused(tmp_path, LINES[0], line)
    assert text.startswith(f"{tmp_path}/labels.csv:3: ")
    assert told in text


@pytest.mark.parametrize("value", ["0", "10.5", "-3"])
def test_vad_outside_the_scale_is_refused(tmp_path: Path, value: str) -> None:
    told = refused(tmp_path, f"c.jpg,happy,{value}", header="image,labels,arousal")
    assert told == f"{tmp_path}/labels.csv:2: arousal {value} is not in 1..10"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("image,x1,y1,x2,y2,labels,spilt", ":1: unknown column 'spilt'. Did you mean 'split'? Rename it, or take it"),
        ("image,x1,y1,x2,y2,labels,Valense", ":1: unknown column 'Valense'. Did you mean 'valence'?"),
        ("image,x1,y1,x2,y2,label,emotion", ":1: columns 'label' and 'emotion' may both be the labels. Call the one"),
        ("image,xmin,ymin,xmax,y2,labels,split", ":1: has no column 'x1'. A box is x1, y1, x2, y2"),
        ("image,x,y,w,age,labels,split", ":1: has no column 'h'. A box is x, y, w, h"),
        (
            "image,cx,cy,w,h,labels,split",
            ":1: columns 'cx' and 'cy' tell a box's middle, which is not read. Write x = cx - w / 2",
        ),
        ("image,X_Center,yc,width,H,labels,split", ":1: columns 'X_Center' and 'yc' tell a box's middle"),
        ("image,x1,y1,x2,age,labels,split", ":1: has no column 'y2'. A box is x1, y1, x2, y2"),
        ("image,x1,y1,x2,y2,age,split", ":1: has no column 'labels'. It has image, x1"),
        ("image,x1,y1,x2,y2,labels,labels", ":1: column 'labels' stands twice"),
    ],
)
def test_a_wrong_header_is_named_with_the_nearest_word(tmp_path: Path, header: str, told: str) -> None:
    assert f"{tmp_path}/labels.csv{told}" in refused(tmp_path, *LINES, header=header)


def test_a_table_without_any_label_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, "c.jpg,,,,,,train", "photos/a.jpg,,,,, ; |,train")
    assert told == f"{tmp_path}/labels.csv: no row has a label. Several are separated by ; or |"


def test_a_root_without_the_file_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        Reader(tmp_path).annotation_files()
    columns = "image, labels and, as needed, x1, y1, x2, y2, split"
    told = f"{tmp_path}/labels.csv: no such file. It has the columns {columns}; ROOT holds it"
    assert str(error.value) == f"{told}, or labels.json"
    (tmp_path / "instances_val.json").touch()
    with pytest.raises(DataError, match=r"or labels\.json; rename the one that is meant: instances_val\.json"):
        Reader(tmp_path).annotation_files()


def test_none_of_the_images_there_is_a_wrong_root(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,labels\na.jpg,happy\n")
    with pytest.raises(DataError, match=r"of the 1 images annotated none can be read, first a\.jpg \(no such file\)"):
        Reader(tmp_path).read("s")


def test_an_image_above_the_cap_is_counted_as_too_large(tmp_path: Path) -> None:
    build(tmp_path)
    photo(tmp_path / "photos" / "a.jpg", (100, 91))
    reader = Reader(tmp_path)
    reader.reading = Reading(max_pixels=100 * 90)
    told = reader.read("s").notes[0]
    assert told.startswith("images that cannot be used: 2 (1 too_large, 1 missing), first photos/a.jpg (")


def test_the_manifest_follows_the_images(tmp_path: Path) -> None:
    root, cached = tmp_path / "root", tmp_path / "manifest.parquet"
    root.mkdir()

    def now() -> Manifest:
        return manifest_of(Reader(root), cached)

    build(root)
    first = now()
    first.save(cached)
    assert now().source == first.source
    photo(root / "absent.jpg")
    assert now().statuses[-1] == "ok"
    (root / "absent.jpg").unlink()
    assert now().source == first.source
    assert math.isnan(now().boxes[-1, 0])
