"""Forms of a table of one's own: boxes, columns and separators of others, and COCO's JSON."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from dataset_case import photo
from PIL import Image
from table_cases import as_json, write, write_json

from cache.errors import ConfigError, DataError
from cache.manifest import Manifest
from cache.spec import Status
from cache.store import Store
from pipeline.cli import main
from pipeline.dataset import Reading, say_how
from pipeline.datasets import _json
from pipeline.datasets.table import Reader
from pipeline.decoding.formats import FIRST_FRAME


def told(root: Path, header: str, *lines: str, box: str = "") -> Manifest:
    reader = write(root, lines, header)
    say_how(reader, Reading(box, asked=bool(box)))
    return reader.read("s")


def refused(root: Path, header: str, *lines: str, box: str = "") -> str:
    with pytest.raises((DataError, ConfigError)) as error:
        told(root, header, *lines, box=box)
    text = str(error.value)
    assert len(text.splitlines()) == 1
    return text.removeprefix(f"{root}/")


CORNERS = "image,x1,y1,x2,y2,labels"


@pytest.mark.parametrize(
    ("form", "row"),
    [("xyxy", "20,9,70,54"), ("xywh", "20,9,50,45"), ("normalised", ".2,.1,.7,.6"), ("normalised_xywh", ".2,.1,.5,.5")],
)
def test_every_form_gives_the_same_box(tmp_path: Path, form: str, row: str) -> None:
    """In an image of 100 x 90."""
    found = told(tmp_path, CORNERS, f"c.jpg,{row},happy", "c.jpg,,,,,sad", box=form)
    assert found.boxes.tolist() == [pytest.approx([20, 9, 70, 54]), [0, 0, 100, 90]]
    assert found.original_boxes[0].tolist() == pytest.approx([20, 9, 70, 54])
    assert any(note.startswith(f"boxes are {form}: ") for note in found.notes) is (form != "xyxy")


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            ".2,.1,.7,.6",
            "labels.csv:2: box 0.2,0.1,0.7,0.6: its numbers lie in 0..1, so they are no pix",
        ),
        ("50,40,30,45", "labels.csv:2: box 50,40,30,45: as xyxy 1 of 1 boxes have no 4 pixels each way or leave "),
        (
            "90,2,30,40",
            "labels.csv:2: x1=90 is not less than x2=30. A box is left, top, right, bottom in pixels; BOX=xywh",
        ),
    ],
)
def test_a_wrong_form_is_named_with_its_word(tmp_path: Path, row: str, text: str) -> None:
    found = refused(tmp_path, CORNERS, f"c.jpg,{row},happy")
    assert found.startswith(text)
    assert "BOX=normalised" in found if row.startswith(".") else "BOX=xywh" in found


def test_who_says_the_form_is_not_doubted_but_for_shares_that_are_none(tmp_path: Path) -> None:
    found = told(tmp_path, CORNERS, "c.jpg,.2,.1,.7,.6,happy", "c.jpg,5,5,50,50,sad", box="xyxy")
    assert found.statuses == ["too_small", "ok"]
    assert found.reasons[0] == "the crop has 0.5 x 0.5 pixels, the least is 4 x 4"
    text = refused(tmp_path, CORNERS, "c.jpg,5,5,50,50,sad", box="normalised")
    assert text.startswith(
        "labels.csv:2: box 5,5,50,50: 1 of 1 boxes reach beyond 1, which is the whole of an image. Lik"
    )


def test_an_unknown_word_names_the_nearest_and_a_published_dataset_takes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "BOX=normalized: no such form of a box. Did you mean 'normalised'?" in refused(
        tmp_path, CORNERS, "c.jpg,5,5,50,50,sad", box="normalized"
    )
    words = ["--dataset", "demo", "--data", str(tmp_path / "data"), "--store", str(tmp_path / "s"), "--box", "xywh"]
    assert main(["extract", *words]) == 2
    line = "error: BOX=xywh: demo has boxes of one form, as published. Leave the word out\n"
    assert capsys.readouterr().err == line
    assert not (tmp_path / "data").exists()


def test_a_box_of_less_than_four_pixels_is_too_small_also_when_it_is_cut_at_the_edge(tmp_path: Path) -> None:
    found = told(tmp_path, CORNERS, *(f"c.jpg,{x1},5,{x1 + 30},50,happy" for x1 in (-26, -27, 10, 20, 30, 40)))
    assert found.statuses == ["ok", "too_small", *["ok"] * 4]
    assert found.counts() == {split: counts for split, counts in found.counts().items() if sum(counts.values()) == 6}


def test_a_small_crop_has_its_status_in_the_store_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root := tmp_path / "root", ["c.jpg,5,5,8,50,happy", *(f"c.jpg,{x},5,60,50,sad" for x in range(9))], CORNERS)
    words = ["--dataset", "table", "--store", str(tmp_path / "store")]
    assert main(["extract", *words, "--root", str(root), "--stages", "face"]) == 0
    assert " 9 ok, 1 too_small\n" in capsys.readouterr().out
    (failure,) = Store(tmp_path / "store").features("table")["face"].failures(frozenset({Status.TOO_SMALL}))
    assert (failure.key, failure.message) == ("c.jpg#0", "the crop has 3 x 45 pixels, the least is 4 x 4")
    assert main(["status", *words]) == 0
    assert "too_small c.jpg: the crop has 3 x 45 pixels, the least is 4 x 4 (face)" in capsys.readouterr().out


def test_boxes_all_in_the_upper_left_get_a_word(tmp_path: Path) -> None:
    found = told(tmp_path, CORNERS, *(f"c.jpg,{n},5,50,45,happy" for n in range(8)))
    assert any("is it BOX=xywh?" in note for note in found.notes)
    silent = told(tmp_path, CORNERS, *(f"c.jpg,{n},5,50,45,happy" for n in range(8)), box="xyxy")
    assert not any("BOX" in note for note in silent.notes)


def test_the_store_remembers_the_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said once: an extract without the word reads the same, another word is noticed, and status needs none."""
    write(root := tmp_path / "root", ["c.jpg,50,40,30,45,happy", "c.jpg,2,3,50,60,sad"], CORNERS)
    words = ["--dataset", "table", "--store", str(tmp_path / "store")]
    extract = ["extract", *words, "--root", str(root), "--stages", "face"]
    assert main(extract) == 2
    assert main([*extract, "--box", "xywh"]) == 0
    boxes = Store(tmp_path / "store").manifest("table").boxes.tolist()
    assert boxes == [[50, 40, 80, 85], [2, 3, 52, 63]]
    capsys.readouterr()
    assert main(extract) == 0
    assert "BOX=xywh, as this store was made (give BOX to have it otherwise)" in (text := capsys.readouterr().out)
    assert "nothing to extract" in text
    assert Store(tmp_path / "store").manifest("table").boxes.tolist() == boxes
    assert main(["status", *words]) == 0
    source = Store(tmp_path / "store").manifest("table").source
    write(root, ["c.jpg,50,40,80,85,happy", "c.jpg,2,3,52,63,sad"], CORNERS)
    assert main([*extract, "--box", "xyxy"]) == 0
    assert "BOX=xyxy: this store was made with xywh" in capsys.readouterr().out
    assert Store(tmp_path / "store").manifest("table").source != source


def test_a_form_that_was_said_of_another_file_is_doubted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In images of 100 x 90; the rows of before are right, bottom minus left, top."""
    write(root := tmp_path / "root", ["c.jpg,50,40,30,45,happy", "c.jpg,2,3,50,60,sad"], CORNERS)
    extract = ["extract", "--dataset", "table", "--store", str(tmp_path / "store"), "--root", str(root)]
    extract += ["--stages", "face"]
    assert main([*extract, "--box", "xywh"]) == 0
    write(root, ["c.jpg,50,40,80,85,happy", "c.jpg,2,3,52,63,sad"], CORNERS)
    capsys.readouterr()
    assert main(extract) == 0
    changed = "BOX=xywh was said of another annotation than is there now. Give BOX again, so or otherwise\n"
    assert changed in capsys.readouterr().out
    write(root, [f"c.jpg,5{n},40,80,85,happy" for n in range(5)], CORNERS)
    assert main(extract) == 2
    told = capsys.readouterr()
    assert changed in told.out
    assert (
        "as xywh 5 of 5 boxes have no 4 pixels each way or leave their images, as xyxy 5 fit. Likely it is BOX=xyxy"
        in (told.err)
    )
    assert main([*extract, "--box", "xyxy"]) == 0
    assert Store(tmp_path / "store").manifest("table").boxes[0].tolist() == [50, 40, 80, 85]
    capsys.readouterr()
    assert main(extract) == 0
    assert "another annotation" not in capsys.readouterr().out


def test_a_question_that_was_answered_is_not_asked_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root := tmp_path / "root", [f"c.jpg,{n},5,50,45,happy" for n in range(8)], CORNERS)
    extract = ["extract", "--dataset", "table", "--store", str(tmp_path / "store"), "--root", str(root)]
    extract += ["--stages", "face"]
    for words, asked in ([], True), (["--box", "xyxy"], False), ([], False):
        assert main([*extract, *words]) == 0
        assert ("is it BOX=xywh?" in capsys.readouterr().out) is asked


def test_the_cap_on_pixels_can_be_raised_and_is_remembered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The largest image here has 9,000 pixels."""
    write(root := tmp_path / "root", ["c.jpg,happy", "a.png,sad"], "image,labels")
    photo(root / "a.png", (20, 20))
    extract = ["extract", "--dataset", "table", "--store", str(tmp_path / "store"), "--root", str(root)]
    assert main([*extract, "--stages", "face", "--max-pixels", "8999"]) == 1
    manifest = Store(tmp_path / "store").manifest("table")
    assert manifest.statuses == ["too_large", "ok"]
    assert (
        "over the cap of 8999; make a smaller copy of the image, or say MAX_PIXELS=9000, then make retry"
        in manifest.reasons[0]
    )
    assert main([*extract, "--stages", "face"]) == 1
    capsys.readouterr()
    assert main([*extract, "--stages", "face", "--max-pixels", "9000"]) == 0
    assert "made with 8999; people who change are made anew, and make retry does" in capsys.readouterr().out
    assert Store(tmp_path / "store").manifest("table").statuses == ["ok", "ok"]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "c.jpg,100,90,happy,20,9,70,54"),
        ("image,Left,Top,Right,Bottom,labels,bbox id", "c.jpg,20,9,70,54,happy,7"),
        ("Path,Emotion,x,y,w,h", "c.jpg,happy,20,9,50,45"),
        ("image;label;x;y;width;height", "c.jpg;happy;20,0;9;50,00;45"),
        ("image\tcategory\tx1\ty1\tx2\ty2", "c.jpg\thappy\t20\t9\t70\t54"),
        ('"image";"labels";"x1";"y1";"x2";"y2";"a, b, c, d, e, f"', 'c.jpg;"happy";20;9;70;54;'),
    ],
)
def test_columns_and_separators_of_others_are_understood(tmp_path: Path, header: str, row: str) -> None:
    found = told(tmp_path, header, row)
    assert found.boxes.tolist() == [[20, 9, 70, 54]]
    assert found.category_names == ("happy",)


def test_decimal_commas_are_counted_and_those_before_thousands_are_asked_about(tmp_path: Path) -> None:
    header = "image;labels;x1;y1;x2;y2;valence;age"
    found = told(tmp_path, header, "c.jpg;a;20,5;9;70,125;54;;", "c.jpg;b;1,000;9;70,5;54;3,5;1,234")
    assert found.boxes[:, [0, 2]].tolist() == [[20.5, 70.125], [1.0, 70.5]]
    assert "decimal commas, so that 12,5 is 12.5: 5, first labels.csv:2" in found.notes
    text = refused(tmp_path, header, "c.jpg;a;20,5;9;70;54;;", "c.jpg;b;1;9;1,070;54;;")
    assert text.startswith("labels.csv:3: x2 '1,070' may be a thousand times more than its comma says. Write it with")
    shares = told(tmp_path, header, "c.jpg;a;0,125;0,250;0,500;0,750;;", box="normalised")
    assert shares.boxes.tolist() == [[12.5, 22.5, 50, 67.5]]
    assert not any("comma" in note for note in told(tmp_path, CORNERS, "c.jpg,20,9,70,54,a").notes)


def test_what_is_understood_is_said_and_all_other_columns_are_taken_along(tmp_path: Path) -> None:
    found = told(tmp_path, "filename,emotion,page,notes", "c.jpg,happy,3,ü;x")
    assert "columns read under other names: filename as image, emotion as labels" in found.notes
    assert "other columns, taken along as they are: page, notes" in found.notes
    found.save(tmp_path / "manifest.parquet")
    (extra,) = Manifest.load(tmp_path / "manifest.parquet").extras
    assert json.loads(extra) == {"page": "3", "notes": "ü;x"}
    plain = told(tmp_path, "image,labels", "c.jpg,happy")
    plain.save(tmp_path / "plain.parquet")
    assert "extras" not in pq.read_table(tmp_path / "plain.parquet").column_names, "as manifests always were"
    assert Manifest.load(tmp_path / "plain.parquet").extras == []


@pytest.mark.parametrize(
    ("columns", "like"),
    [
        ("bbox", "bbox"),
        ("Face_BBox,id", "Face_BBox"),
        ("bbox_x1,bbox_y1,bbox_x2,bbox_y2", "bbox_x1, bbox_y1, bbox_x2, bbox_y2"),
        ("x_min,y_min,x_max,y_max", "x_min, y_min, x_max, y_max"),
        ("face x1,face y1,face x2,face y2", "face x1, face y1, face x2, face y2"),
        ("left,top,width,height", "left, top"),
    ],
)
def test_a_box_of_other_names_is_not_left_out_so_that_people_become_whole_images(
    tmp_path: Path, columns: str, like: str
) -> None:
    row = ",".join(["c.jpg", "happy", *"5" * len(columns.split(","))])
    text = refused(tmp_path, f"image,labels,{columns}", row)
    assert text.startswith(f"labels.csv:1: columns {like} may be the box, and so named they are not read. Call a box's")
    assert told(tmp_path, "image,labels,top,width,xbox,page_right_x", "c.jpg,happy,1,2,3,4").boxes.tolist() == [
        [0, 0, 100, 90]
    ]


def test_a_split_of_another_name_is_not_drawn_anew(tmp_path: Path) -> None:
    rows = ["c.jpg,happy,Train", "photos/a.jpg,sad,test", "photos/b.jpg,sad,"]
    text = refused(tmp_path, "image,labels,subset", *rows)
    assert text.startswith("labels.csv:1: column 'subset' holds nothing but test, train, and none is called split.")
    assert set(told(tmp_path, "image,labels,fold,split", *(f"{row},val" for row in rows[:2])).splits) == {"val"}
    assert told(tmp_path, "image,labels,subset", *rows, "d.jpg,calm,other").category_names == ("calm", "happy", "sad")


def test_columns_of_width_and_height_are_no_corners(tmp_path: Path) -> None:
    text = refused(tmp_path, "image,x,y,w,h,labels", "c.jpg,20,9,50,45,happy", box="xyxy")
    assert text.startswith(
        "labels.csv:1: the columns x, y, w, h are left, top, width, height, and BOX=xyxy is left, top,"
    )
    assert text.endswith("Say BOX=xywh, or rename the columns")


def test_text_in_utf_16_has_its_cure_with_a_mark_and_without(tmp_path: Path) -> None:
    for number, encoding in enumerate(("utf-16", "utf-16-le")):
        (root := tmp_path / str(number)).mkdir()
        (root / "labels.csv").write_bytes("image,labels\nc.jpg,happy\n".encode(encoding))
        with pytest.raises(DataError, match=r"labels\.csv:1: .*Save the file as CSV in UTF-8 \(in Excel: CSV UTF-8\)"):
            Reader(root).read("s")


def test_animations_are_their_first_frame_and_it_is_said(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "still.gif")
    found = told(tmp_path, "image,labels", "a.gif,happy", "a.tif,sad", "still.gif,sad")
    assert f"{FIRST_FRAME}: 2 images, first a.gif" in found.notes
    assert found.statuses == ["ok"] * 3
    assert found.reasons == [FIRST_FRAME] * 2 + [""]


def test_people_of_unreadable_images_are_counted_by_what_is_wrong_with_them(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    lines = [f"{name},happy,train" for name in ("c.jpg", "absent.jpg", "broken.jpg")]
    assert told(tmp_path, "image,labels,split", *lines).counts() == {"train": {"ok": 1, "missing": 1, "broken": 1}}


def test_coco_json_gives_the_same_manifest_as_the_table(tmp_path: Path) -> None:
    """With two annotations of one person, a whole image, ratings and splits."""
    lines = [
        "photos/a.jpg,10,20,50,80,happy;excited,train,3,,5.5,f,30",
        "photos/a.jpg,5,5,40,60,calm,train,,,,,",
        "photos/b.jpg,,,,,afraid,val,,,,,",
        "c.jpg,1,2,30,40,happy,test,,,,,",
    ]
    header = "image,x1,y1,x2,y2,labels,split,valence,arousal,dominance,gender,age"
    (csv_root, json_root) = (tmp_path / "csv", tmp_path / "json")
    from_csv = write(csv_root, lines, header).read("s")
    from_json = write_json(json_root, as_json(header, lines)).read("s")
    assert "boxes are xywh: left, top, width, height in pixels" in from_json.notes
    for made, path in ((from_csv, tmp_path / "1"), (from_json, tmp_path / "2")):  # the notes tell the form
        replace(made, notes=()).save(path)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def spoilt(**changes: Any) -> dict[str, Any]:
    """Content whose only person has other fields; None takes one away."""
    person = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]} | changes
    return {
        "images": [{"id": 1, "file_name": "c.jpg"}],
        "annotations": [{name: value for name, value in person.items() if value is not None}],
        "categories": [{"id": 1, "name": "happy"}, {"id": 2, "name": "sad"}],
    }


def more(name: str, *entries: dict[str, Any]) -> dict[str, Any]:
    content = spoilt()
    return content | {name: [*content[name], *entries]}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (spoilt(image_id=7), "annotations[0]: no image has the id that its image_id names, 7"),
        (spoilt(category_id=7), "annotations[0]: no category has the id '7'"),
        (spoilt(category_ids=[1, True]), "annotations[0]: no category has the id 'True'"),
        (spoilt(category_id=None), "annotations[0]: has no 'category_id'"),
        (spoilt(bbox=[1, 2, math.nan, 4]), "annotations[0]: bbox [1, 2, nan, 4] is not four finite numbers"),
        (spoilt(bbox=[1, 2, 3]), "annotations[0]: bbox [1, 2, 3] is not four finite numbers"),
        (spoilt(bbox=[1, 2, 0, 4]), "annotations[0]: box 1,2,0,4: its width 0 is not above 0"),
        (spoilt(valence=11), "annotations[0]: valence 11 is not in 1..10"),
        (spoilt(valence="x"), "annotations[0]: valence 'x' is not a finite number"),
        (more("images", {"id": 1, "file_name": "b.jpg"}), "images[1]: one of images before it has the same id 1"),
        (more("images", {"id": 2, "file_name": "./c.jpg"}), "images[1]: c.jpg stands in images before it already."),
        (more("images", {"id": 2, "file_name": "../x.jpg"}), "images[1]: image '../x.jpg' leads out of "),
        (more("images", {"id": 2, "file_name": "b.jpg", "split": "val"}), "images[0]: split 'None' is none."),
        (more("categories", {"id": 3, "name": "sad"}), "categories: two have the name 'sad'"),
        (more("categories", {"id": 3, "name": "\ud800"}), "categories[2]: name '\\ud800' is no text of one line"),
        (more("annotations", spoilt()["annotations"][0]), "annotations[1]: has the id of annotations[0], 1"),
        (more("annotations", spoilt(id=2)["annotations"][0]), "annotations[1]: stands in annotations[0] already, with"),
        (
            more("annotations", spoilt(id=2, category_id=2, valence=3)["annotations"][0]),
            "annotations[1]: has the box of annotations[0], and another VAD, gender or age",
        ),
        ({"images": [], "annotations": [], "categories": []}, "has no list 'images', or an empty one"),
        ([], "is a JSON list, not an object"),
    ],
)
def test_json_faults_name_file_and_entry(tmp_path: Path, content: Any, text: str) -> None:
    with pytest.raises(DataError) as error:
        write_json(tmp_path, content).read("s")
    assert str(error.value).startswith(f"{tmp_path}/labels.json: {text}")
    assert len(str(error.value).splitlines()) == 1


def test_crowds_are_left_out_images_of_nobody_stay_and_other_sizes_are_told(tmp_path: Path) -> None:
    crowd = spoilt(id=2, bbox=[5, 5, 20, 20], iscrowd=1, attributes={})["annotations"][0]
    content = more("annotations", crowd)
    content["images"].append({"id": 2, "file_name": "photos/a.jpg", "width": 90, "height": 100})
    found = write_json(tmp_path, content).read("s")
    assert (found.keys, found.statuses) == (["c.jpg#0", "photos/a.jpg"], ["ok", "no_person"])
    assert "annotations of crowds (iscrowd), left out: 1" in found.notes
    assert "fields of annotations that are not read: attributes" in found.notes
    assert any("not those of the upright photograph" in note and "first photos/a.jpg" in note for note in found.notes)


def test_both_files_are_one_too_many(tmp_path: Path) -> None:
    write(tmp_path, ["c.jpg,happy"], "image,labels")
    with pytest.raises(DataError, match=r"labels\.csv and labels\.json both lie there, and one of them is the table"):
        write_json(tmp_path, spoilt()).read("s")


def test_json_over_the_cap_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_json, "LARGEST", 20)
    with pytest.raises(DataError, match=rf"{len(json.dumps(spoilt()))} bytes, over the cap of 20"):
        write_json(tmp_path, spoilt()).read("s")
