"""``make predict`` on videos: two squares that walk, found by their colours, and files that are none."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import guessing_head
import numpy as np
import pytest
import video_files
from numpy.typing import NDArray
from PIL import Image

from pipeline.decoding import video, writing
from pipeline.decoding.tracks import JOINTS
from scripts import predict
from scripts.prediction import clips, finding
from scripts.prediction.finding import Finder, Found

LENGTH, SIZE = 50, (160, 96)
RED, BLUE = (220, 30, 30), (30, 30, 220)
LOOKS = [6, 18, 31, 43]
"""The middles of four quarters of 50 frames: two seconds at 25 a second, one look in half a second."""
FOLLOWED = {"least_overlap": 0.2, "lost": 4, "least_alike": 0.4}


def place(number: int, frame: int) -> tuple[int, int, int, int]:
    """Red walks to the right, blue to the left; they pass each other at different heights."""
    left = 10 + 2 * frame if number == 0 else 110 - 2 * frame
    return (left, 20 + 20 * number, left + 40, 60 + 20 * number)


def pictures() -> list[NDArray[np.uint8]]:
    """Blue is behind the scene from frame 25 to 35."""
    made = []
    for frame in range(LENGTH):
        pixels = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
        for number, colour in ((1, BLUE), (0, RED)):
            x1, y1, x2, y2 = place(number, frame)
            if number == 0 or not 25 <= frame <= 35:
                pixels[y1:y2, x1:x2] = colour
        made.append(pixels)
    return made


def seen(path: Path, image: Image.Image) -> Found:
    """Boxes of what is red and what is blue, from left to right."""
    pixels = np.asarray(image, int)
    boxes = []
    for channel in (0, 2):
        rows, columns = np.nonzero(pixels[..., channel] - pixels[..., 2 - channel] > 100)
        if len(rows):
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    return Found(np.array(sorted(boxes), np.float32).reshape(-1, 4), None, {"boxes": "by colour", "reason": "none"})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Words for a head that guesses, without the folder it writes to."""
    return guessing_head.words(tmp_path_factory.mktemp("trained"))[:-2]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film of the two squares."""
    path = tmp_path_factory.mktemp("walk") / "walk.mp4"
    return video_files.video(path, LENGTH, size=SIZE, pictures=pictures(), options={"crf": "10"})


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """People are found by their colours."""
    monkeypatch.setattr(Finder, "_load", lambda _: seen)


@pytest.mark.usefixtures("colours")
def test_after_a_cut_somebody_in_the_same_place_is_somebody_new(trained: list[str], tmp_path: Path) -> None:
    """The second of two shots begins with frame 25, in another room."""
    made = []
    for number in range(LENGTH):
        pixels = np.full((SIZE[1], SIZE[0], 3), 128 if number < 25 else (20, 110, 40), np.uint8)
        pixels[20:60, 40:80] = RED
        made.append(pixels)
    path = video_files.video(tmp_path / "two.mp4", LENGTH, size=SIZE, pictures=made, options={"crf": "10"})
    assert predict.main([*trained, "--image", str(path), "--out", str(tmp_path / "out")]) == 0
    told: dict[str, Any] = json.loads((tmp_path / "out" / "two.mp4.json").read_text())
    assert told["people"]["followed"] == FOLLOWED | {"cuts": [31]}
    assert [[one["frame"] for one in person["sightings"]] for person in told["persons"]] == [LOOKS[:2], LOOKS[2:]]


@pytest.mark.usefixtures("colours")
def test_people_are_followed_through_the_frames_that_are_looked_at(
    trained: list[str], walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main([*trained, "--image", str(walk), "--out", str(tmp_path)]) == 0
    told: dict[str, Any] = json.loads((tmp_path / "walk.mp4.json").read_text())
    assert (told["frames"], told["rate"], told["size"], told["looked_at"]) == (LENGTH, 25, list(SIZE), LOOKS)
    assert told["people"] == {"boxes": "by colour", "followed": FOLLOWED | {"cuts": []}}
    red, blue = told["persons"]
    assert [(one["frame"], one["time"]) for one in red["sightings"]] == [(at, at / 25) for at in LOOKS]
    assert [one["frame"] for one in blue["sightings"]] == [6, 18, 43]
    for number, person in enumerate((red, blue)):
        for one in person["sightings"]:
            # of blue, what red covers
            sides = slice(0, 4) if number == 0 else slice(3, 4)
            assert np.abs(np.array(one["box"]) - place(number, one["frame"]))[sides].max() <= 2
        answers = [next(iter(one["emotions"].values())) for one in person["sightings"]]
        mean = {name: np.mean([one[name] for one in answers]) for name in answers[0]}
        assert person["summary"]["mean"] == pytest.approx(mean, abs=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "walk.mp4.annotated.mp4",
        "walk.mp4.json",
        "walk.mp4.strips.png",
    ]
    made = video.probe(tmp_path / "walk.mp4.annotated.mp4")
    assert (made.frames, made.size[0]) == (LENGTH, SIZE[0])
    assert video.times(tmp_path / "walk.mp4.annotated.mp4")[-1] == pytest.approx(49 / 25, abs=1e-3)
    out = capsys.readouterr().out
    assert "50 frames, 2.0 s; 4 are looked at, one in 0.5 s (EVERY=0.5); 50 are shown" in out
    assert "walk.mp4: 2 people in 2.0 s" in out
    assert f"({writing.CODECS[writing.codec()]})" in out


@pytest.mark.usefixtures("colours")
def test_an_interrupt_leaves_nothing_half_written(
    trained: list[str], walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = clips.film

    def interrupted(*words: Any) -> Iterator[tuple[float, Image.Image]]:
        for number, frame in enumerate(whole(*words)):
            if number == 9:
                raise KeyboardInterrupt
            yield frame

    monkeypatch.setattr(clips, "film", interrupted)
    assert predict.main([*trained, "--image", str(walk), "--out", str(tmp_path / "out")]) == 130
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("colours")
def test_a_folder_of_both_goes_on_over_what_cannot_be_used(
    trained: list[str], walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "clip.jpg").write_bytes(walk.read_bytes())  # by what it holds, not by its name
    Image.fromarray(pictures()[0]).save(folder / "photo.png")
    Image.fromarray(pictures()[0]).save(folder / "photo.mp4", "PNG")
    (folder / "cut.mp4").write_bytes(walk.read_bytes()[:700])
    (folder / "empty.mov").touch()
    video_files.sound(folder / "sound.mp4")
    os.mkfifo(folder / "waits.mp4")
    video_files.video(folder / "huge.mkv", 2, size=(320, 192))
    words = ["--max-pixels", "20000", "--every", "1", "--out", str(tmp_path / "out")]
    assert predict.main([*trained, "--image", str(folder), *words]) == 1
    out, err = capsys.readouterr()
    assert "5 of 8 images could not be used" in out
    assert err.count("\n") == 5, err
    for fault in (
        "cut.mp4: not readable as a video: ",
        "empty.mov: not readable as a video: ",
        "waits.mp4: is not a regular file, a video file is wanted. ",
        "sound.mp4: has no video stream. Give a sound copy as IMAGE",
        "huge.mkv: 320 x 192 = 61440 pixels, over the cap of 20000; make a smaller copy of the video",
    ):
        assert fault in err
    assert {path.name for path in (tmp_path / "out").glob("*.annotated.*")} == {
        "clip.jpg.annotated.mp4",
        "photo.mp4.annotated.png",
        "photo.png.annotated.png",
    }
    assert predict.main([*trained, "--image", str(folder / "cut.mp4"), *words]) == 2
    assert predict.main([*trained, "--image", str(folder / "none.mp4"), *words]) == 2
    assert "none.mp4: no such file. Give a video, a photograph or a folder of them as IMAGE" in capsys.readouterr().err


def test_a_track_says_who_is_where(trained: list[str], walk: Path, tmp_path: Path) -> None:
    """Person 7 is red and in the film's second half alone; frames are those of a longer film."""
    rows = []
    for frame in range(LENGTH):
        for person, number in ((3, 1), (7, 0)):
            x1, y1, x2, y2 = place(number, frame)
            joints = np.tile([(x1 + x2) / 2, (y1 + y2) / 2, 0.9], (JOINTS, 1))
            joints[:2] = [(x1, y1, 0.9), (x2, y2, 0.9)]
            if person == 3 or frame >= 25:
                rows.append([100 + frame, person, *joints.ravel()])
    np.save(tmp_path / "joints.npy", np.array(rows))
    words = ["--image", str(walk), "--track", str(tmp_path / "joints.npy"), "--out", str(tmp_path)]
    assert predict.main([*trained, *words]) == 0
    told = json.loads((tmp_path / "walk.mp4.json").read_text())
    assert [one["number"] for one in told["persons"]] == [3, 7]
    assert [[look["frame"] for look in one["sightings"]] for one in told["persons"]] == [LOOKS, LOOKS[2:]]
    assert told["persons"][1]["sightings"][0]["box"] == list(place(0, 31))


def test_boxes_that_are_given_hold_for_every_frame(trained: list[str], walk: Path, tmp_path: Path) -> None:
    words = ["--boxes", "10,20,50,60 10,20,50,60", "--frames", "2", "--out", str(tmp_path)]
    assert predict.main([*trained, "--image", str(walk), *words]) == 0
    told = json.loads((tmp_path / "walk.mp4.json").read_text())
    assert [(one["number"], one["looks"]) for one in told["persons"]] == [(0, 2), (1, 2)]
    assert told["people"] == {"boxes": "given"}


@pytest.mark.parametrize(("there", "status"), [(20, 0), (0, 2)])
def test_a_stream_that_ends_before_its_list_of_frames(
    there: int,
    status: int,
    trained: list[str],
    walk: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = video.frames
    monkeypatch.setattr(
        video, "frames", lambda path, wanted, most: whole(path, [at for at in wanted if at < there], most)
    )
    words = ["--image", str(walk), "--boxes", "10,20,50,60", "--out", str(tmp_path)]
    assert predict.main([*trained, *words]) == status
    out, err = capsys.readouterr()
    if status:
        assert "walk.mp4: none of its frames can be decoded. Give a sound copy as IMAGE" in err
        return
    assert "the video ends early: frame 31 of 50 and those after it are not there" in out
    assert ", 20 of 50 frames)" in out
    assert json.loads((tmp_path / "walk.mp4.json").read_text())["looked_at"] == LOOKS[:2]


def test_nobody_is_told_with_exit_status_1(
    trained: list[str], walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Finder, "_load", lambda _: lambda *_: Found(finding.NONE, None, {"boxes": "no", "reason": "all gone"})
    )
    assert predict.main([*trained, "--image", str(walk), "--out", str(tmp_path)]) == 1
    assert "walk.mp4: nobody: all gone. Give BOXES=" in capsys.readouterr().err
    assert json.loads((tmp_path / "walk.mp4.json").read_text())["persons"] == []


def test_mistakes_are_one_line(walk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for words, told in (
        (["--every", "0"], "EVERY=0: seconds above 0 are wanted"),
        (["--every", "nan"], "EVERY=nan: seconds above 0 are wanted"),
        (["--frames", "0"], "FRAMES=0: a whole number from 1 is wanted"),
        (["--track", "t.npy", "--boxes", "1,2,3,4"], "TRACK=t.npy: BOXES=1,2,3,4 is given too"),
        (["--track", "t.npy", "--image", str(tmp_path)], "TRACK=t.npy: is of one video; give that as IMAGE"),
    ):
        assert predict.main(["--image", str(walk), "--runs", str(tmp_path), *words]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
