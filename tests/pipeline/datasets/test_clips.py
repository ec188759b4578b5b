"""A table of one's own of videos: the documented example, every column, and one line for rows that cannot be meant."""

import inspect
import re
from pathlib import Path

import pytest
from clip_files import FRAMES, audio, clip, joints
from clips_cases import HEADER, LINES, unsplit, write
from video_files import video

from cache.errors import DataError
from pipeline.datasets import caer, clips
from pipeline.datasets._clips_csv import OWN
from pipeline.datasets._table_columns import BOX, OPTIONAL
from pipeline.datasets.clips import Reader


def refused(root: Path, *lines: str, header: str = HEADER) -> str:
    with pytest.raises(DataError) as error:
        write(root, lines, header).read("s")
    assert len(str(error.value).splitlines()) == 1
    return str(error.value).removeprefix(f"{root}/")


def test_the_documented_example(tmp_path: Path) -> None:
    told = inspect.getdoc(clips) or ""
    lines = re.findall(r"^    ((?:video|films/).*)$", told, re.MULTILINE)
    for name in "abc":
        video(tmp_path / f"films/{name}.mp4", 130, size=(440, 420), options={"preset": "ultrafast"})
    (tmp_path / "clips.csv").write_text("\n".join([*lines, ""]))
    found = Reader(tmp_path).read("s")
    assert found.keys == [
        *("films/a.mp4#0@0-99", "films/a.mp4#1@0-99", "films/b.mp4#0@0-129", "films/c.mp4#0@40-120"),
    ]
    assert found.splits == ["train", "train", "val", "test"]
    assert all(re.search(rf"\b{name}\b", told) for name in (*OWN, *BOX, *OPTIONAL))


def test_every_row_has_its_status(tmp_path: Path) -> None:
    found = write(tmp_path, LINES).read("s")
    told = list(zip(found.keys, found.statuses, found.reasons, strict=True))
    beyond = f"frames 6 to 20 annotated, the video has {FRAMES}"
    assert told == [
        ("films/a.mp4#0@0-5", "ok", ""),
        ("films/a.mp4#1@0-5", "ok", ""),
        (f"films/a.mp4#1@6-{FRAMES - 1}", "ok", beyond),
        (f"films/b.mp4#0@0-{FRAMES - 1}", "ok", ""),
        ("c.mov#3@2-4", "bad_box", "nothing of person 3 is seen in frames 2 to 4"),
        ("c.mov#0@2-4", "bad_box", "absent.npy: no such file"),
        ("c.mov#0@30-40", "bad_box", f"frames 30 to 40 are none of the video's, which has {FRAMES}"),
        (f"c.mov#0@0-{FRAMES - 1}", "no_label", "no categories"),
        ("absent.mp4#0@0-9", "missing", "no such file"),
    ]
    assert found.boxes[:4].tolist() == [[4, 5, 30, 40], [0, 5, 20, 48], [3, 10, 23, 34], [0, 0, 64, 48]]
    assert found.original_boxes[1].tolist() == [-5, 5, 20, 300]
    assert found.category_names == ("afraid", "calm", "excited", "happy", "sad")
    assert [bool(track) for track in found.tracks] == [0, 0, 1, 0, 1, 1, 0, 0, 0]


def test_samples_that_a_short_video_would_make_one_keep_their_names(tmp_path: Path) -> None:
    ends = ",4,5,30,40,,calm,train"
    found = write(tmp_path, [f"films/a.mp4,0,0,{last}{ends}" for last in (50, 60)]).read("s")
    assert found.keys == [f"films/a.mp4#0@0-{FRAMES - 1}", "films/a.mp4#0@0-60"]
    found = write(tmp_path, [f"films/a.mp4,0,0,60{ends}", "films/a.mp4,0,,,4,5,30,40,,calm,train"]).read("s")
    assert found.keys == ["films/a.mp4#0@0-60", f"films/a.mp4#0@0-{FRAMES - 1}"]


def test_without_a_split_videos_are_drawn(tmp_path: Path) -> None:
    found = unsplit(tmp_path).read("s")
    assert found.counts() == {"train": {"ok": 14}, "val": {"ok": 2}, "test": {"ok": 4}}
    assert found.notes[0].startswith("no column split: videos drawn 70/10/20 by seeded hash (seed 0)")


def test_without_a_split_the_videos_of_a_film_are_drawn_together(tmp_path: Path) -> None:
    paths = [f"f{film}.mp4/{place}.mp4" for film in range(10) for place in range(4)]
    clip(tmp_path / paths[0])
    found = write(tmp_path, [f"{path},calm" for path in paths], "video,labels").read("s")
    parts = [set(found.splits[4 * film : 4 * film + 4]) for film in range(10)]
    assert sorted(part for one in parts for part in one) == ["test"] * 2 + ["train"] * 7 + ["val"]


def test_rows_without_a_number_are_the_people_of_their_frames(tmp_path: Path) -> None:
    lines = [f"films/a.mp4,{first},3,{box},calm,train" for box in ("1,2,30,40", "9,9,20,20") for first in (0, 1)]
    found = write(tmp_path, [*lines, "c.mov,0,3,,,,,happy,val"], "video,first,last,x,y,width,height,labels,split").read(
        "s"
    )
    assert found.keys[:4] == [f"films/a.mp4#{person}@{first}-3" for person in (0, 1) for first in (0, 1)]
    assert found.boxes[0].tolist() == [1, 2, 31, 42]


def test_rows_that_cannot_be_meant(tmp_path: Path) -> None:
    def row(line: str) -> str:
        text = refused(tmp_path, *LINES, line)
        assert text.startswith("clips.csv:11: ")
        return text.removeprefix("clips.csv:11: ")

    assert row("c.mov,0,5,2,,,,,,calm,test") == "first=5 is after last=2"
    assert row("c.mov,0,5,,,,,,,calm,test").startswith("last is blank and the other is not")
    assert row("c.mov,0,-1,2,,,,,,calm,test") == "first '-1' is no whole number from 0"
    assert row("c.mov,x,0,2,,,,,,calm,test").startswith("person 'x' is not a finite number")
    assert row("c.mov,0,0,2,1,1,9,9,a.npy,calm,test").startswith("has a box and joints")
    assert row("c.mov,0,0,2,9,1,5,9,,calm,test").startswith("x2=5 is not above x1=9")
    assert row("c.mov,,0,2,,,,,,calm,test").startswith("person is blank, and not in other rows of c.mov")
    assert row("d.mov,,0,2,,,,,a.npy,calm,test").startswith("joints are of several people")
    assert row("c.mov,0,0,2,,,,,../a.npy,calm,test").startswith("joints '../a.npy' leads out of")
    assert "with the same frames stands in" in row("films/a.mp4,0,0,5,,,,,,calm,train")
    assert row("c.mov,0,0,2,,,,,,calm,train").startswith("c.mov is in train, and in test in line 6")


def test_headers_that_cannot_be_meant(tmp_path: Path) -> None:
    def head(header: str) -> str:
        return refused(tmp_path, ",".join("x" * len(header.split(","))), header=header).removeprefix("clips.csv:1: ")

    assert head("image,labels") == "has no column 'video'. It has image, labels"
    assert head("video,start,end,labels").startswith("column 'start' may be 'first'. Call it so")
    assert head("video,first,labels").startswith("has a column 'first' and none 'last'")
    assert head("video,keypoints,labels").startswith("column 'keypoints' may be 'joints'")
    assert head("video,person_id,labels").startswith("column 'person_id' may be 'person'")
    assert head("video,first,last") == "has no column 'labels'. It has image, first, last"


def test_boxes_as_shares_of_the_frame_are_told(tmp_path: Path) -> None:
    text = refused(tmp_path, *(f"films/{n}.mp4,0,0,5,0.1,0.1,0.5,0.9,,calm,train" for n in "ab"))
    assert "A box is x1, y1, x2, y2 in pixels" in text


def test_a_linked_file_of_joints_outside_is_not_read(tmp_path: Path) -> None:
    joints(tmp_path / "outside.npy", 0)
    reader = write(tmp_path / "root", ["c.mov,0,0,3,,,,,link.npy,happy,test", "films/a.mp4,0,0,3,,,,,,calm,val"])
    (tmp_path / "root/link.npy").symlink_to(tmp_path / "outside.npy")
    found = reader.read("s")
    assert found.statuses[0] == "bad_box"
    assert "a symbolic link leads out of the dataset's folder" in found.reasons[0]


def test_no_video_that_can_be_read_is_one_line(tmp_path: Path) -> None:
    assert refused(tmp_path, "d.mp4,0,0,3,,,,,,happy,test").endswith("first d.mp4 (no such file). Is ROOT right?")


def test_caer_takes_whole_videos(tmp_path: Path) -> None:
    for split in caer.FOLDERS:
        clip(tmp_path / split / "Angry" / "1.avi", 5)
    audio(tmp_path / "train" / "Fear" / "2.avi")
    found = caer.Reader(tmp_path).read("s")
    assert found.keys[:2] == ["train/Angry/1.avi#0@0-4", "train/Fear/2.avi#0@0-0"]
    assert found.statuses[:2] == ["ok", "broken"]
    assert found.boxes[0].tolist() == [0, 0, 64, 48]
    assert found.categories[0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert found.splits[2:] == ["val", "test"]
    (tmp_path / "validation" / "Joy").mkdir()
    with pytest.raises(DataError, match=r"Joy: is no class's folder"):
        caer.Reader(tmp_path).look()
