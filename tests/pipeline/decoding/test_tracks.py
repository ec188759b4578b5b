"""Joints of BoLD's form to boxes, against boxes worked out by hand; and files that are none."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from cache.errors import DataError
from cache.fingerprint import digest
from cache.spec import Status
from pipeline.decoding import tracks
from pipeline.decoding.images import ImageError
from pipeline.decoding.tracks import WIDTH, load, read_track


def row(frame: float, person: float, *joints: tuple[int, float, float, float]) -> list[float]:
    """One row of a file; joints: number, x, y, score, the others (0, 0, 0)."""
    out = [frame, person, *[0.0] * (WIDTH - 2)]
    for number, *values in joints:
        out[2 + 3 * number : 5 + 3 * number] = values
    return out


ROWS = [
    row(902, 1, (0, 30, 10, 0.9), (8, 20, 90, 0.8), (11, 41.5, 88, 0.1)),
    row(900, 1, (0, 5, 6, 0.9), (1, 15, 26, 0.5), (2, 100, 200, 0.09)),  # the last one is hardly seen
    row(900, 0, (3, 7, 7, 1.0)),  # one joint spans no box
    row(901, 1),
    row(905, 0, (3, 0, 8, 1.0), (4, 9, 1, 1.0), (5, 0, 0, 1.0)),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.save(path := tmp_path / "a.npy", np.array(ROWS))
    return path


def refusal(path: Path, person: int = 0, known: str = "") -> str:
    with pytest.raises(ImageError) as caught:
        read_track(path.parent, path.name, person, known)
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).startswith(f"{path}: ")
    return f"{caught.value.status.word}: " + str(caught.value).removeprefix(f"{path}: ")


def test_boxes_hold_the_joints_that_are_there(file: Path) -> None:
    one = read_track(file.parent, "a.npy", 1, digest(file.read_bytes()))
    assert one.frames.tolist() == [0, 1, 2]
    assert one.at(0)[0].tolist() == [5, 6, 15, 26]
    assert one.at(2)[0].tolist() == [20, 10, 41.5, 90]
    box, joints = one.at(1)
    assert np.isnan(box).all()
    assert joints is not None
    assert not joints.any()
    assert one.at(2)[1][11].tolist() == pytest.approx([41.5, 88, 0.1])
    assert np.isnan(one.at(7)[0]).all()
    assert one.at(7)[1] is None
    other = read_track(file.parent, "a.npy", 0, "")
    assert other.frames.tolist() == [0, 5]
    assert np.isnan(other.at(0)[0]).all()
    assert other.at(5)[0].tolist() == [0, 1, 9, 8]  # the joint at (0, 0) is missing, those on an edge are not


def test_the_box_of_a_span_holds_those_of_its_frames(file: Path) -> None:
    one = read_track(file.parent, "a.npy", 1, "")
    assert one.within(0, 2).tolist() == [5, 6, 41.5, 90]
    assert one.within(1, 2).tolist() == [20, 10, 41.5, 90]
    assert np.isnan(one.within(1, 1)).all()
    assert np.isnan(one.within(3, 9)).all()


def test_numbers_that_fit_the_frames_asked_for_are_the_clips_own(tmp_path: Path) -> None:
    """Nobody is seen in its first five frames."""
    np.save(
        tmp_path / "own.npy", np.array([row(frame, 0, (0, frame, 3, 1.0), (1, 90, 80, 1.0)) for frame in range(5, 20)])
    )
    for last, first in ((19, 5), (40, 5), (18, 0), (None, 0)):
        one = read_track(tmp_path, "own.npy", 0, "", last)
        assert one.frames.tolist() == [*range(first, first + 15)]
        assert one.at(first)[0].tolist() == [5, 3, 90, 80]


def test_a_file_is_read_once_for_all_its_people(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, known = [], digest(file.read_bytes())
    monkeypatch.setattr(tracks, "parsed", lambda *_: read.append(1) or {0: None, 1: None})
    for person in (0, 1, 0):
        read_track(file.parent, "a.npy", person, known)
    assert len(read) == 1


def test_a_file_that_changed_is_refused(file: Path) -> None:
    known = digest(file.read_bytes())
    np.save(file, np.array(ROWS[:4]))
    assert refusal(file, 1, known).startswith("broken: is another file than when the annotation was read")


def test_bad_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npy"
    assert refusal(path) == "missing: no such file"

    def saved(array: object) -> str:
        np.save(path, np.array(array), allow_pickle=True)
        return refusal(path)

    wide = "rows of 56 are wanted: frame, person, 18 x (x, y, score)"
    assert saved(np.zeros((3, 55))) == f"broken: is of shape 3 x 55, {wide}"
    assert saved(5.0) == f"broken: is of shape one number, {wide}"
    assert saved([{"a": 1}]) == "broken: holds object, numbers are wanted"
    assert saved([["a"] * 56]).startswith("broken: holds <U1")
    assert saved([row(1, 0, (0, np.nan, 1, 1))]) == "broken: has a number that is not finite"
    assert saved([row(1.5, 0)]) == "broken: has a frame or a person that is no whole number from 0"
    assert saved([row(7, 0), row(8, 0), row(8, 0)]).startswith("broken: has person 0 twice in frame 1")
    assert saved([row(7, 3)]) == "broken: holds no person 0"
    assert saved(np.zeros((0, 56))) == "broken: holds no person 0"
    path.write_bytes(pickle.dumps(np.zeros((1, 56))))
    assert refusal(path) == "broken: is no .npy file of numbers"
    np.save(path, np.zeros((3, 56)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    assert refusal(path).startswith("broken: has 1336 bytes of numbers, its shape 3 x 56 says otherwise")
    path.write_bytes(whole.replace(b"(3, 56)", b"(9999999999999999, 56)".ljust(7))[: len(whole)])
    assert refusal(path).startswith("broken: ")
    monkeypatch.setattr(tracks, "LARGEST", 100)
    assert refusal(path).startswith("too_large: ")
    assert read_outside(tmp_path) is Status.OUTSIDE_ROOT


def read_outside(root: Path) -> Status:
    with pytest.raises(ImageError) as caught:
        read_track(root, "../a.npy", 0, "")
    return caught.value.status


def test_whole_numbers_and_column_order_are_read_too(tmp_path: Path) -> None:
    rows = np.array([row(4, 2, (0, 1, 2, 1), (1, 3, 5, 1))])
    for array in (rows.astype(np.int64), np.asfortranarray(np.repeat(rows, 1, 0)), rows.astype(np.float32)):
        np.save(tmp_path / "a.npy", array)
        _, found = load(tmp_path / "a.npy")
        assert found[2].at(0)[0].tolist() == [1, 2, 3, 5]


def test_rows_are_capped_however_small_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "MOST_ROWS", 2)
    file = io.BytesIO()
    np.save(file, np.zeros((3, 56), np.int8))
    with pytest.raises(DataError, match="has 3 rows, over the cap of 2"):
        tracks.parsed(file.getvalue())
