"""The demo's drawn clips: same bytes, BoLD's published form, and each cause in its own kind of evidence alone."""

import csv
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.stats import binom

from cache.errors import DataError
from pipeline.demo.clips import causes
from pipeline.demo.clips.movement import gestures, path
from pipeline.demo.clips.plan import SIZE, plan_clip, plan_clips
from pipeline.demo.clips.render import figures, render
from pipeline.demo.clips.track import coco18
from pipeline.demo.clips.write import write_clips

CLIPS = 6


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips") / "data"
    write_clips(root, clips=CLIPS, processes=1)
    return root


def rows(demo, name):
    with (demo / "annotations" / name).open(newline="") as file:
        return list(csv.reader(file))


def tree_digest(root):
    digest = hashlib.sha256()
    for found in sorted(p for p in root.rglob("*") if p.is_file()):
        digest.update(str(found.relative_to(root)).encode() + found.read_bytes())
    return digest.hexdigest()


def test_same_bytes_by_two_processes_with_another_hash_seed_and_clock(demo, tmp_path):
    code = "import sys; from pathlib import Path; from pipeline.demo.clips import write; write.BATCH = 3"
    call = f"write.write_clips(Path(sys.argv[1]), clips={CLIPS}, processes=2)"
    environment = os.environ | {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", f"{code}; {call}", tmp_path / "again"], env=environment, check=True)
    assert tree_digest(demo) == tree_digest(tmp_path / "again")


def test_more_clips_keep_the_first_ones_and_another_seed_changes_them():
    assert plan_clips(4, 0) == [*plan_clips(3, 0), plan_clip(0, 3)]
    assert plan_clip(1, 0) != plan_clip(0, 0)
    assert plan_clips(0, 0) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DataError, match="is there already and not empty"):
        write_clips(tmp_path, clips=1)


def test_annotations_are_as_published(demo):
    """DATASETS.md: four columns, 26 shares, valence, arousal, dominance, three words, a confidence; test has four."""
    told = {name: rows(demo, name) for name in ("train.csv", "val.csv", "test_meta.csv")}
    plans = {plan.path: plan for plan in plan_clips(CLIPS, 0)}
    assert sum(map(len, told.values())) == sum(len(plan.persons) for plan in plans.values())
    for name, lines in told.items():
        for video, person, first, last, *labels in lines:
            plan = plans[video]
            drawn = plan.persons[int(person)]
            assert (int(first), int(last)) == drawn.span
            assert (demo / "videos" / video).is_file()
            assert name.startswith(plan.split)
            if name == "test_meta.csv":
                assert labels == []
                continue
            assert len(labels) == 26 + 3 + 4
            numbers = np.array(labels[:29], float)
            np.testing.assert_allclose(numbers, [*drawn.confidences, *drawn.vad], atol=1e-4)
            assert ((numbers[26:] >= 1) & (numbers[26:] <= 10)).all()


def test_films_are_in_one_split_each():
    splits = {}
    for plan in plan_clips(300, 0):
        splits.setdefault(plan.path.rpartition("/")[0], set()).add(plan.split)
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {"train", "val", "test"}


def test_videos_and_joints_hold_what_was_planned(demo):
    missing = 0
    for plan in plan_clips(CLIPS, 0):
        with av.open(str(demo / "videos" / plan.path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(frames) == plan.frames
        assert frames[0].shape == (SIZE[1], SIZE[0], 3)
        table = np.load((demo / "joints" / plan.path).with_suffix(".npy"))
        assert table.shape[1] == 56
        assert (table[: len(plan.persons), 0] == plan.start).all()
        assert set(table[:, 0] - plan.start) <= set(range(plan.frames))
        for number, figure in enumerate(figures(plan)):
            own = table[table[:, 1] == number]
            found = own[:, 2:].reshape(-1, 18, 3)
            true = coco18(figure)[(own[:, 0] - plan.start).astype(int)]
            sure = found[..., 2] >= 0.1
            assert (np.abs(found[..., :2] - true)[sure] < 6 * 0.008 * figure.height).all()
            assert (found[..., :2][sure] < SIZE).all()
            missing += (~sure).sum()
    assert missing


def test_the_face_and_the_joints_lie_where_they_are_drawn():
    """At an eye's place there is an iris, whose colour is no skin's; at the neck there is skin or shirt."""
    plan = next(one for one in plan_clips(40, 0) if len(one.persons) == 1 and one.light == "bright")
    (figure,) = figures(plan)
    frame = next(render(plan, (figure,))).astype(int)
    places = coco18(figure)[0]
    bare = next(render(plan, ())).astype(int)
    drawn = np.abs(frame - bare).sum(-1) > 40
    for joint, (x, y) in enumerate(places):
        if 1 <= x < SIZE[0] - 1 and 1 <= y < SIZE[1] - 1:
            assert drawn[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].any(), joint
    nose, eye = (frame[round(y), round(x)].sum() for x, y in (places[0], places[14]))
    assert eye < nose


def test_nothing_short_tells_the_order_of_the_gestures_which_their_sequence_does():
    """Six frames in a row, as many as a motion stage sees, show one gesture at most, and as much of it in any order."""
    plan = plan_clip(0, 0)
    most, first = [], []
    for pose in range(len(causes.ORDERS)):
        person = replace(plan.persons[0], pose=pose)
        moved = np.abs(gestures(person, 33, np.random.default_rng(0)))
        windows = np.stack([np.ptp(moved[start : start + 6], 0) for start in range(28)])
        assert ((windows > 0.05).sum(1) <= 1).all()
        most.append(windows.max(0))
        first.append([causes.GESTURES[column] for column in moved.argmax(0).argsort()])
    np.testing.assert_allclose(most, np.array(most[:1]).repeat(len(most), 0))
    assert [" ".join(order) for order in first] == list(causes.ORDERS)


def test_no_place_tells_the_motion_which_two_frames_do():
    plan = plan_clip(0, 0)
    middles, steps = {}, {}
    for number, motion in enumerate(causes.MOTIONS):
        person = replace(plan.persons[0], motion=number, centre=(0.0, 0.0))
        x = np.stack([path(person, 32, np.random.default_rng(seed))[:, 0] for seed in range(200)])
        middles[motion], steps[motion] = x.mean(), np.diff(x, axis=1)
    assert max(map(abs, middles.values())) < 1
    assert steps["left"].max() < -1.9
    assert steps["right"].min() > 1.9
    assert (steps["still"] == 0).all()
    # Both ways, and as fast, but for the frames in which it turns.
    assert np.abs(steps["sway"].mean()) < 0.2
    assert np.median(np.abs(steps["sway"])) == pytest.approx(np.median(steps["right"]), rel=0.1)


def test_annotators_disagree_as_stated():
    """The share of labels (half of the annotators or more) that are not what the causes say, against the binomial."""
    people = [person for plan in plan_clips(600, 0) for person in plan.persons]
    values = np.array([[person.appearance, person.motion, person.pose] for person in people])
    wrong = {True: [], False: []}
    for number, category in enumerate(causes.CATEGORIES):
        shown = np.isin(values[:, causes.CAUSES.index(category.cause)], category.values)
        label = np.array([person.confidences[number] for person in people]) >= 0.5
        for there in (True, False):
            wrong[there] += (label != there)[shown == there].tolist()
    least = causes.ANNOTATORS // 2
    seen, imagined = (1 - binom.cdf(least - 1, causes.ANNOTATORS, share) for share in (causes.SEES, causes.IMAGINES))
    flip = causes.FLIPPED
    assert np.mean(wrong[True]) == pytest.approx((1 - flip) * (1 - seen) + flip * (1 - imagined), abs=0.015)
    assert np.mean(wrong[False]) == pytest.approx((1 - flip) * imagined + flip * seen, abs=0.015)
    assert np.abs(np.corrcoef(values.T) - np.eye(3)).max() < 0.1


def test_dimensions_are_linear_in_the_causes():
    people = [person for plan in plan_clips(600, 0) for person in plan.persons]
    columns = [np.eye(6)[[getattr(person, cause) for person in people]][:, 1:] for cause in causes.CAUSES]
    design = np.hstack([np.ones((len(people), 1)), *columns])
    vad = np.array([person.vad for person in people])
    left = vad - design @ np.linalg.lstsq(design, vad, rcond=None)[0]
    np.testing.assert_allclose(left.std(0), causes.DIMENSION_NOISE, rtol=0.1)
    assert (vad.std(0) > 1.3 * causes.DIMENSION_NOISE).all()


def test_a_root_is_whole_or_absent(tmp_path, monkeypatch):
    from pipeline.demo.clips import write

    def broken(folder: Path, plan: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(write, "write_clip", broken)
    with pytest.raises(OSError, match="no space"):
        write.write_clips(tmp_path / "demo", clips=2, processes=1)
    assert not (tmp_path / "demo").exists()
