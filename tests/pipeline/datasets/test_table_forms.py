"""Forms of a table of one's own: boxes, columns and separators of others, and COCO's JSON."""

from pathlib import Path

import pytest
from dataset_case import photo
from PIL import Image
from table_cases import CORNERS, refused, told, write

from cache.spec import Status
from cache.store import Store
from pipeline.cli import main
from pipeline.decoding.formats import FIRST_FRAME


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
    line = "error: BOX=xywh: the files of demo have boxes of one form, or say theirs. Leave the word out\n"
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
