"""BoLD's tables and joints: every sample's status and box, against numbers worked out by hand."""

import json
import math
from pathlib import Path

import bold_cases
import numpy as np
import pytest
from bold_cases import build, line, write
from clip_files import FRAMES, clip, joints

from cache.errors import DataError
from cache.manifest import Manifest
from pipeline.dataset import manifest_of, source_of
from pipeline.datasets import _videos
from pipeline.datasets._bold_csv import LABELLED
from pipeline.datasets.bold import CATEGORIES, Reader
from pipeline.running import clip_people

ORDER = "Peace Affection Esteem Anticipation Engagement Confidence Happiness Pleasure Excitement Surprise"


def refused(root: Path, *lines: str, header: str = "") -> str:
    reader = write(root, lines)
    if header:
        (root / "annotations/train.csv").write_text("\n".join([header, *lines, ""]))
    with pytest.raises(DataError) as error:
        reader.read("s")
    assert len(str(error.value).splitlines()) == 1
    return str(error.value).removeprefix(f"{root}/annotations/")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return build(tmp_path_factory.mktemp("bold")).read("s")


def test_every_sample_has_its_status_and_reason(found: Manifest) -> None:
    a, last = "videos/001/a.mp4/0.mp4", FRAMES - 1
    assert found.keys[:5] == [f"{a}#0@0-{last}", f"{a}#1@2-5", f"{a}#7@0-{last}", f"{a}#9@0-{last}", f"{a}#1@6-{last}"]
    told = dict(zip(found.keys, zip(found.statuses, found.reasons, strict=True), strict=True))
    assert told[f"{a}#0@0-{last}"] == ("ok", "")
    assert told[f"{a}#7@0-{last}"] == ("bad_box", f"nothing of person 7 is seen in frames 0 to {last}")
    assert told[f"{a}#9@0-{last}"] == ("bad_box", f"nothing of person 9 is seen in frames 0 to {last}")
    assert told[f"{a}#1@6-{last}"] == ("ok", f"frames 6 to {FRAMES + 5} annotated, the video has {FRAMES}")
    assert told[f"{a}#0@50-60"] == ("bad_box", f"frames 50 to 60 are none of the video's, which has {FRAMES}")
    assert told[f"videos/001/absent.mp4/0.mp4#0@0-{last}"] == (
        "missing",
        "no such file; valence 0 is not in 1..10, arousal 11 is not in 1..10, no dominance",
    )
    assert told[f"videos/001/sound.mp4/0.mp4#0@0-{last}"] == ("broken", "has no video stream")
    assert told[f"videos/001/bad.mp4/0.mp4#0@0-{last}"][0] == "broken"
    assert told[f"videos/001/unjointed.mp4/0.mp4#0@0-{last}"] == (
        "bad_box",
        "joints/001/unjointed.mp4/0.npy: no such file",
    )
    assert told[f"videos/004/c.mp4/0.mp4#0@0-{last}"] == ("no_label", "no categories")
    assert found.splits[-2:] == ["val", "test"]


def test_boxes_labels_and_scores(found: Manifest) -> None:
    assert found.boxes[0].tolist() == [2, 4, 22, 34]  # joints (2, 4 + frame) and (22, 34)
    assert found.boxes[1].tolist() == [3, 6, 23, 34]
    assert found.boxes[-1].tolist() == [2, 4, 22, 34]
    assert found.tracks[0] == "joints/001/a.mp4/0.npy"
    assert len(found.track_digests[0]) == 32
    assert found.categories[0].tolist() == [1] + [0] * 25
    assert found.categories[1].tolist() == [1] * 26  # a half is enough
    assert found.categories[4].tolist() == [0] * 26
    np.testing.assert_allclose(found.scores[0], [0.6] + [0.25] * 25)
    assert np.isnan(found.scores[-1]).all()
    assert found.vad[0].tolist() == [5, 6, 7]
    assert (found.genders[0], found.ages[0]) == ("Female", "Adult")
    assert json.loads(found.extras[-1])["video"] == found.images[-1].removeprefix("videos/"), "as a submission names it"
    assert found.extras[0] == '{"ethnicity": "White", "annotation_confidence": "0.8"}'


def test_what_is_told_of_all(found: Manifest) -> None:
    assert found.release == "unrecognised (samples: 10 in train, 1 in val, 1 in test)"
    assert found.notes == (
        "samples without labels, of which features are extracted all the same: 1",
        "samples that reach 0.5 in no category: 1",
        "values of VAD that are not in 1..10, left out: 2",
        "videos that cannot be used: 3 (1 missing, 2 broken), first videos/001/absent.mp4/0.mp4 (no such file)",
        "samples whose last frame is beyond their video's, cut to it: 1, first train.csv:5",
    )


def test_the_order_of_categories_is_the_datasets_own() -> None:
    assert CATEGORIES[:10] == tuple(ORDER.split())
    assert (len(CATEGORIES), CATEGORIES[12], CATEGORIES[-1]) == (26, "Disconnect", "Suffering")


def test_a_cut_sample_keeps_its_name_where_another_has_the_cut_one(tmp_path: Path) -> None:
    lines = [line("001/a.mp4/0.mp4", 0, f"0,{FRAMES}"), line("001/a.mp4/0.mp4")]
    found = write(tmp_path, lines).read("s")
    assert found.keys[:2] == [f"videos/001/a.mp4/0.mp4#0@0-{last}" for last in (FRAMES, FRAMES - 1)]
    assert found.statuses[:2] == ["ok", "ok"]


def test_other_processes_read_many_files_to_the_same_manifest(
    found: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_videos, "FEW", 0)
    again = build(tmp_path).read("s")
    assert (again.keys, again.statuses, again.reasons) == (found.keys, found.statuses, found.reasons)
    assert again.track_digests == found.track_digests
    np.testing.assert_array_equal(again.boxes, found.boxes)


def test_other_joints_make_the_manifest_anew(tmp_path: Path) -> None:
    """Also where the file is as long as before."""
    reader = write(tmp_path, [line("001/a.mp4/0.mp4")])
    first = manifest_of(reader, tmp_path / "absent")
    joints(tmp_path / "joints/001/a.mp4/0.npy", 2, 0, 1)
    again = manifest_of(Reader(tmp_path), tmp_path / "absent")
    assert first.source != again.source
    assert first.track_digests[0] != again.track_digests[0]
    assert first.track_digests[1] == again.track_digests[1]


def test_a_video_that_comes_makes_the_manifest_anew(tmp_path: Path) -> None:
    first = source_of(write(tmp_path, [line("001/a.mp4/0.mp4")]))
    (tmp_path / "videos/001/a.mp4/0.mp4").unlink()
    assert source_of(Reader(tmp_path)) != first


def test_tables_that_cannot_be_meant(tmp_path: Path) -> None:
    good = line("001/a.mp4/0.mp4")
    assert (
        refused(tmp_path, good.rpartition(",")[0])
        == "train.csv:1: has no header and 36 fields; 37 or 4 or 8 are wanted"
    )
    assert refused(tmp_path, good, good.rpartition(",")[0]).startswith("train.csv:2: has 36 fields, the header 37")
    assert refused(tmp_path, good.replace("0.6", "1.6")) == (
        "train.csv:1: Peace '1.6' is no share of annotators from 0 to 1"
    )
    assert refused(tmp_path, line("001/a.mp4/0.mp4", 0, "1.5,3")).startswith("train.csv:1: min_frame '1.5' is no whole")
    assert "with the same frames stands in" in refused(tmp_path, good, good)
    header = ",".join(LABELLED)
    assert refused(tmp_path, good, header=header.replace("Peace", "Pease")).startswith(
        "train.csv:1: unknown column 'Pease'. Did you mean 'Peace'?"
    )
    shuffled = header.replace("Peace,Affection", "Affection,Peace")
    (tmp_path / "annotations/train.csv").write_text(f"{shuffled}\n{good}\n")
    assert Reader(tmp_path).read("s").scores[0, :2].tolist() == pytest.approx([0.25, 0.6])


def test_a_root_one_above_is_told(tmp_path: Path) -> None:
    write(tmp_path / "BOLD_public", [line("001/a.mp4/0.mp4")])
    with pytest.raises(DataError, match=r"Did you mean ROOT=.*BOLD_public\?"):
        Reader(tmp_path).look()


def test_a_box_of_joints_is_cut_to_the_frame(tmp_path: Path) -> None:
    reader = write(tmp_path, [line("001/a.mp4/0.mp4", 50)])
    joints(tmp_path / "joints/001/a.mp4/0.npy", 50)  # to x = 72 of 64 pixels
    found = reader.read("s")
    assert found.boxes[0].tolist() == [52, 4, 64, 34]
    assert math.isnan(found.original_boxes[0, 0])


def test_a_video_spelled_in_two_ways_is_in_one_split(tmp_path: Path) -> None:
    again = bold_cases.line("001/./a.mp4/0.mp4", 0, "0,4")
    found = bold_cases.write(tmp_path, bold_cases.train()[:1], [again]).read("s")
    assert found.statuses[:2] == ["other_split", "ok"]


def test_joints_that_are_not_of_a_samples_frames_are_told_and_never_shifted_in_silence(tmp_path: Path) -> None:
    """Of one film's numbers the file's first is the clip's first; numbers that fit the clip stay as they are."""
    lines = [line("001/own.mp4/0.mp4"), line("001/film.mp4/0.mp4"), line("001/long.mp4/0.mp4")]
    root = write(tmp_path, lines).root
    for name in ("own", "film", "long"):
        clip(root / f"videos/001/{name}.mp4/0.mp4")
    joints(root / "joints/001/own.mp4/0.npy", 0, frames=FRAMES - 3, first=3)
    joints(root / "joints/001/film.mp4/0.npy", 0, frames=FRAMES - 3, first=703)
    joints(root / "joints/001/long.mp4/0.npy", 0, frames=FRAMES + 4, first=700)
    found = Reader(root).read("s")
    last, told = FRAMES - 1, dict(zip(found.keys, found.reasons, strict=True))
    assert told[f"videos/001/own.mp4/0.mp4#0@0-{last}"] == f"joints of frames 3 to {last}"
    assert told[f"videos/001/film.mp4/0.mp4#0@0-{last}"] == f"joints of frames 0 to {last - 3}"
    assert told[f"videos/001/long.mp4/0.mp4#0@0-{last}"] == f"joints of frames 0 to {last + 4}, the video has {FRAMES}"
    assert found.boxes[:, 1].tolist()[:2] == [4 + 0, 4 + 0]
    (note,) = [note for note in found.notes if note.startswith("samples whose joints are not of all their frames")]
    assert "3, first videos/001/own.mp4/0.mp4#0" in note
    samples, _ = clip_people.samples_of(root, found, np.arange(3))
    assert [int(one.track.frames[0]) for one in samples if one.track] == [3, 0, 0]
