"""The runner on clips: values against the frames that were written, one decoding for all, losses, retry, kills."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import toy_clips
import toy_pipeline
from PIL import Image
from toy_clips import CLIPS, FRAMES, LENGTH, Bones, make_clips, pixels, place, run_clips, span, write
from toy_pipeline import tree

import pipeline.decoding.tracks as tracks
import pipeline.running.watching as watching
from cache.errors import ConfigError
from cache.feature import Feature
from cache.shard import Shard
from cache.spec import Status
from cache.store import Store
from pipeline.framed import positions

ALL = FRAMES + "[stages.twice]\n[stages.pixel]\n"
PEOPLE = [(clip, person) for clip in range(CLIPS) for person in range(clip % 3)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_clips(tmp_path / "data")
    return tmp_path / "data"


def key(clip: int, person: int) -> str:
    first, last = span(clip, person)
    return f"{clip}.mkv#{person}@{first}-{last}"


def features(store: Path) -> dict[str, Feature]:
    found = Store(store).features("demo")
    return {name: found[name] for name in Store(store).in_use("demo")}


def test_rows_are_what_a_loop_over_the_frames_gives(root: Path, tmp_path: Path) -> None:
    report = run_clips(root, tmp_path / "store", ALL)
    assert report.images == len({clip for clip, _ in PEOPLE})
    assert not report.failed
    found = features(tmp_path / "store")
    for clip, person in PEOPLE:
        where = positions(span(clip, person), 4).tolist()
        got = {
            name: found[feature].read(name, [key(clip, person)])[0][0]
            for feature, name in (("colour", "mean"), ("crop", "sum"), ("twice", "twice"), ("pixel", "twice"))
        }
        present = found["crop"].read("present", [key(clip, person)])[0][0]
        assert found["crop"].read("positions", [key(clip, person)])[0][0].tolist() == where
        for number, frame in enumerate(where):
            picture = pixels(clip, frame)
            np.testing.assert_allclose(got["mean"][number], picture.reshape(-1, 3).mean(0), rtol=1e-6)
            box = place(clip, person, frame) if clip % 2 == 0 else (person, 1, person + 9, 12)
            assert present[number] == (box is not None)
            if box is None:
                assert np.isnan([got["sum"][number], *got["twice"][number]]).all()
                continue
            left, top, right, bottom = map(int, box)
            total = 2.0 * picture[top:bottom, left:right].sum()
            assert got["sum"][number] == total
    for clip, person in ((8, 1), (5, 0), (23, 1)):
        total, red = (
            found[name].read(array, [key(clip, person)])[0][0] for name, array in (("crop", "sum"), ("pixel", "twice"))
        )
        where = positions(span(clip, person), 4).tolist()
        np.testing.assert_array_equal(red[:, 0], 2 * (total + [float(pixels(clip, one)[0, 0, 0]) for one in where]))


def test_a_video_is_decoded_once_and_only_the_frames_that_are_wanted(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()
    decode = watching.frames

    def one(path: Path, wanted: Sequence[int], max_pixels: int) -> Iterator[tuple[int, Image.Image]]:
        asked[path.name] += 1
        clip = int(path.stem)
        mine = {int(frame) for person in range(clip % 3) for frame in positions(span(clip, person), 4)}
        assert set(wanted) == mine
        return decode(path, wanted, max_pixels)

    monkeypatch.setattr(watching, "frames", one)
    run_clips(root, tmp_path / "store")
    assert asked == {f"{clip}.mkv": 1 for clip in range(CLIPS) if clip % 3}


def test_a_feature_may_have_frames_of_its_own_and_its_derived_ones_follow(root: Path, tmp_path: Path) -> None:
    own = ALL.replace("scale = 2.0", "scale = 2.0\nframes = 6")
    run_clips(root, tmp_path / "store", own)
    shapes = {name: one.arrays["positions"].shape for name, one in features(tmp_path / "store").items()}
    assert shapes == {"colour": (4,), "crop": (6,), "twice": (6,), "pixel": (6,)}
    with pytest.raises(ConfigError, match="as many frames as crop, which it is made from"):
        run_clips(root, tmp_path / "store", own.replace("[stages.twice]", "[stages.twice]\nframes = 3"))


def test_frames_are_for_clips_and_clips_need_them(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="frames is for datasets of clips"):
        run_clips(root, tmp_path / "store", FRAMES.replace("\nframes = 4", "").replace("2.0", "2.0\nframes = 6"))
    with pytest.raises(ConfigError, match="has clips"):
        run_clips(root, tmp_path / "store", FRAMES.replace("\nframes = 4", ""))


def test_joints_need_no_pixels(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy_pipeline, "Twice", Bones)

    def never(path: Path, *_: object) -> Iterator[tuple[int, Image.Image]]:
        raise AssertionError(path)

    monkeypatch.setattr(watching, "frames", never)
    run_clips(root, tmp_path / "store", 'dataset = "demo"\nshard_images = 4\nframes = 12\n[stages.twice]\n')
    joints = features(tmp_path / "store")["twice"]
    (row,), status = joints.read("joints", [key(8, 0)])
    assert status.tolist() == [Status.OK]
    where = positions(span(8, 0), 12).tolist()
    assert row[:, 0].tolist() == [[*place(8, 0, frame)[:2], 1] for frame in where]  # type: ignore[index]
    assert joints.read("present", [key(4, 0)])[0][0].tolist() == [one != 4 for one in positions(span(4, 0), 12)]
    assert joints.read("present", [key(5, 0)])[1].tolist() == [Status.UNUSABLE], "no track"


def test_bad_videos_mark_their_samples_and_nobody_elses(root: Path, tmp_path: Path) -> None:
    run_clips(root, tmp_path / "whole")
    run_clips(root, tmp_path / "store", FRAMES.split("[stages.crop]")[0])
    (root / "1.mkv").unlink()
    (root / "2.mkv").write_bytes(b"")
    write(root / "5.mkv", [pixels(5, frame) for frame in range(9)])  # person 0 wants 1 3 6 8, person 1 2 4 6 8
    write(root / "7.mkv", [pixels(7, frame) for frame in range(5)])
    np.save(root / "8.npy", np.zeros((1, 56)))
    tracks._kept.cache_clear()  # as another process would find it
    report = run_clips(root, tmp_path / "store")
    assert report.failed == {"1.mkv", "2.mkv", "7.mkv", "8.mkv"}
    told = {one.key: (one.status, one.message) for one in features(tmp_path / "store")["crop"].failures()}
    assert told[key(1, 0)] == (Status.MISSING, "no such file")
    assert told[key(2, 0)][0] is Status.BROKEN
    assert told[key(7, 0)] == (Status.BROKEN, "frame 6 of 0-10: the video ends before it")
    assert "another file" in told[key(8, 0)][1]
    ours, theirs = (features(tmp_path / name)["crop"] for name in ("store", "whole"))
    same = [key(*one) for one in PEOPLE if one[0] not in (1, 2, 7, 8)]
    np.testing.assert_array_equal(ours.read("sum", same)[0], theirs.read("sum", same)[0])


def test_a_last_frame_that_is_not_there_is_absent(root: Path, tmp_path: Path) -> None:
    write(root / "5.mkv", [pixels(5, frame) for frame in range(9)])
    run_clips(root, tmp_path / "store", FRAMES.replace("frames = 4", f"frames = {LENGTH}"))
    crop = features(tmp_path / "store")["crop"]
    assert span(5, 0)[1] == 9
    assert crop.read("present", [key(5, 0)])[0][0].tolist() == [one != 9 for one in positions(span(5, 0), LENGTH)]


def test_retry_mends_what_was_lost_and_leaves_the_rest(root: Path, tmp_path: Path) -> None:
    run_clips(root, tmp_path / "whole", ALL)
    kept = (root / "5.mkv").read_bytes()
    (root / "5.mkv").write_bytes(kept[:300])
    run_clips(root, tmp_path / "store", ALL)
    (root / "5.mkv").write_bytes(kept)
    (root / "4.mkv").unlink()  # its rows are there
    report = run_clips(root, tmp_path / "store", ALL, retry=True)
    assert (report.images, report.failed) == (1, frozenset())
    assert tree(tmp_path / "store") == tree(tmp_path / "whole")


def test_kills_at_any_moment_lose_nothing_that_was_committed(root: Path, tmp_path: Path) -> None:
    store, whole, landed, moments = tmp_path / "store", tmp_path / "whole", 0, random.Random(0)

    def spawn(to: Path) -> subprocess.Popen[str]:
        words = [sys.executable, toy_clips.__file__, str(root), str(to)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    assert spawn(whole).communicate(timeout=120)[0].startswith("done")
    for _ in range(3):
        process, seen, start = spawn(store), len(list(store.rglob("shard-*.h5"))), time.monotonic()
        while time.monotonic() - start < 20 and len(list(store.rglob("shard-*.h5"))) == seen:
            time.sleep(0.002)
        time.sleep(moments.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        landed += process.returncode == -signal.SIGKILL
        for path in store.rglob("shard-*.h5"):
            Shard(path)
    assert landed >= 2
    assert spawn(store).communicate(timeout=120)[0].startswith("done")
    assert tree(store) == tree(whole)
