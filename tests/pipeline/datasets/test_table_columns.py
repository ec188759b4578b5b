"""Names and separators that others use for a table's columns, and what is asked about or taken along."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from table_cases import CORNERS, refused, told

from cache.errors import DataError
from cache.manifest import Manifest
from pipeline.datasets.table import Reader


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
