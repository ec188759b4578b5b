"""labels.json in COCO's form: the same manifest as the table, faults told by file and entry."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from table_cases import as_json, write, write_json

from cache.errors import DataError
from pipeline.datasets import _json


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
