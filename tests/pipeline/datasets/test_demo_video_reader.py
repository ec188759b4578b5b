"""The reader of the demo's clips makes them once and then is BoLD's."""

import csv
from pathlib import Path

import numpy as np
import pytest

from cache.errors import DataError
from pipeline.datasets import bold, demo_video
from pipeline.demo.clips import causes
from pipeline.demo.clips.plan import plan_clips


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "demo_video"
    demo_video.Reader(folder, clips=6).prepare()
    return folder


def test_makes_the_clips_once(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    demo_video.Reader(root, clips=6).prepare()
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_reads_through_bolds_reader(root: Path) -> None:
    ours, theirs = demo_video.Reader(root).read("s"), bold.Reader(root).read("s")
    assert (ours.dataset, ours.release) == ("demo_video", "demo_video, 6 clips")
    assert ours.keys == theirs.keys
    assert (ours.categories == theirs.categories).all()
    assert tuple(ours.category_names) == tuple(category.name for category in causes.CATEGORIES)


def test_what_was_drawn_is_told_of_everybody(root: Path) -> None:
    manifest = demo_video.Reader(root).read("s")
    with (root / "causes.csv").open(newline="") as file:
        told = {(line["video"], line["person"]): line for line in csv.DictReader(file)}
    assert len(told) == len(manifest)
    plans = {plan.path: plan for plan in plan_clips(6, demo_video.SEED)}
    for image, person, scores in zip(manifest.images, manifest.persons, manifest.scores, strict=True):
        line, plan = told[image.removeprefix("videos/"), str(person)], plans[image.removeprefix("videos/")]
        drawn = plan.persons[person]
        assert line["motion"] == causes.MOTIONS[drawn.motion]
        np.testing.assert_allclose(scores, [np.nan] * 26 if plan.split == "test" else drawn.confidences, atol=1e-4)


def test_refuses_a_folder_that_holds_something_else(root: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DataError, match="is there already and not empty"):
        demo_video.Reader(tmp_path, clips=6).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_bolds_own_folder_is_not_taken_for_the_demo(root: Path, tmp_path: Path) -> None:
    for name in ("annotations", "videos", "joints"):
        (tmp_path / name).symlink_to(root / name)
    with pytest.raises(DataError, match=r"holds no causes\.csv.*DATASET=bold"):
        demo_video.Reader(tmp_path).annotation_files()


def test_without_prepare_the_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"annotations/train\.csv: no such file"):
        demo_video.Reader(tmp_path / "absent").annotation_files()
