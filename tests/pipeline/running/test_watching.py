"""What stages are shown of a video: frames that are lost, people beside each other, joints, faults of a stage."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pipeline.running.watching as watching
from cache.config import Settings
from cache.spec import ArraySpec, Granularity, Status
from pipeline.decoding.images import ImageError
from pipeline.decoding.tracks import Track
from pipeline.framed import Framed, Moments
from pipeline.running.clip_people import Sample
from pipeline.running.watching import Wanted, show
from pipeline.stage import Extracted, Failed, Photo, Stage

BOX = np.array([1, 1, 9, 9], np.float32)
WIDE = np.array([2, 1, 15, 9], np.float32)


class Seen(Stage[float]):
    """The number of each frame, which is its grey; keeps every photograph that it is shown."""

    version, Config = 1, Settings
    unit = granularity = Granularity.PERSON
    batch_size = 4

    def __init__(self, more: int = 0, pixels: bool = True) -> None:
        self.more, self.looks, self.config, self.photos = more, pixels, Settings(), list[Photo]()

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {"grey": ArraySpec((), "float32", "grey")}

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    @property
    def following(self) -> int:
        return self.more

    @property
    def pixels(self) -> bool:
        return self.looks

    def load(self, device: str, weights: object) -> None: ...

    def prepare(self, photo: Photo) -> list[float | Failed]:
        self.photos.append(photo)
        return [float(np.asarray(photo.image)[0, 0, 0])] * len(photo.boxes)

    def run(self, items: Sequence[float]) -> Extracted:
        return Extracted.ok({"grey": np.array(items, np.float32)})


def watched(
    monkeypatch: pytest.MonkeyPatch,
    samples: Sequence[Sample],
    stage: Framed,
    ends: int = 1000,
    damaged: int = 1000,
) -> Extracted:
    """A video of ``ends`` frames of which one is damaged."""

    def frames(path: Path, wanted: Sequence[int], _: int) -> Iterator[tuple[int, Image.Image]]:
        for one in wanted:
            if one == damaged:
                raise ImageError(Status.BROKEN, f"{path}: frame {one} is damaged")
            if one < ends:
                yield one, Image.fromarray(np.full((16, 16, 3), one, np.uint8))

    monkeypatch.setattr(watching, "frames", frames)
    wanted = Wanted("v.mp4", samples, {"seen": stage})
    show(Path("v.mp4"), wanted)
    return stage.extract([wanted.moments["seen"]])


@pytest.mark.parametrize("damaged", range(5, 11))
def test_a_damaged_frame_among_those_that_follow_spoils_the_sample(
    monkeypatch: pytest.MonkeyPatch, damaged: int
) -> None:
    sample = Sample((0, 10), BOX, None)
    found = watched(monkeypatch, [sample], Framed(Seen(more=5), 1), damaged=damaged)
    spoilt = damaged in range(3, 9)  # the only position is 3, and five follow
    assert found.status.tolist() == [Status.BROKEN if spoilt else Status.OK]
    assert found.messages == [f"frame {damaged} of 0-10: frame {damaged} is damaged" if spoilt else ""]


def test_a_damaged_last_frame_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, samples = Framed(Seen(), 4), [Sample((0, 3), BOX, None)]
    found = watched(monkeypatch, samples, stage, damaged=3)
    assert (found.status.tolist(), found.messages) == ([Status.BROKEN], ["frame 3 of 0-3: frame 3 is damaged"])
    found = watched(monkeypatch, samples, stage, ends=3)
    assert found.status.tolist() == [Status.OK]
    assert found.arrays["present"].tolist() == [[1, 1, 1, 0]]
    assert watched(monkeypatch, samples, stage, ends=2).messages == ["frame 2 of 0-3: the video ends before it"]


def test_the_last_frame_is_shown_again_only_where_the_video_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Framed(Seen(more=3), 1)
    assert watched(monkeypatch, [Sample((0, 1), BOX, None)], stage, ends=2).status.tolist() == [Status.OK]
    assert isinstance(stage.inner, Seen)
    assert [int(np.asarray(one)[0, 0, 0]) for one in stage.inner.photos[0].following] == [1, 1, 1]


def test_everybody_in_a_frame_is_shown_and_nobody_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Framed(Seen(), 2)
    people = [Sample((0, 9), BOX, None, 0), Sample((0, 19), WIDE, None, 1), Sample((0, 3), BOX, None, 0)]
    found = watched(monkeypatch, people, stage)
    assert found.arrays["grey"].tolist() == [[2, 7], [5, 15], [1, 3]]
    assert isinstance(stage.inner, Seen)
    shown = {int(np.asarray(photo.image)[0, 0, 0]): photo.boxes.tolist() for photo in stage.inner.photos}
    assert shown == {
        **{frame: [BOX.tolist(), WIDE.tolist()] for frame in (1, 2, 3, 5, 7)},
        15: [WIDE.tolist()],
    }


def test_who_has_no_joints_takes_none_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    joints = np.ones((1, 18, 3), np.float32)
    track = Track(np.array([0], np.int32), BOX[None], joints)
    stage = Framed(Seen(), 1)
    watched(monkeypatch, [Sample((0, 0), BOX, track, 0), Sample((0, 0), WIDE, None, 1)], stage)
    assert isinstance(stage.inner, Seen)
    known = stage.inner.photos[0].joints
    assert known is not None
    assert known[:, 0, 0].tolist() == [1, 0]
    blind = Framed(Seen(pixels=False), 1)
    found = blind.extract([Wanted("v.mp4", [Sample((0, 0), WIDE, None)], {"seen": blind}).moments["seen"]])
    assert (found.status.tolist(), found.messages) == ([Status.UNUSABLE], ["no joints in any of its frames"])


def test_a_fault_of_a_stage_that_sees_the_frame_again_is_that_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Framed(Seen(), 2)

    def look(*_: object) -> list[float]:
        raise ValueError("bad crop")

    monkeypatch.setattr(stage.inner, "look", look)
    row = {"positions": np.array([4, 6], np.int32), "present": np.array([1, 1], np.uint8)}
    made = [Moments(row["positions"][None])]
    watching.look_at(stage, made, [row], 6, Image.new("RGB", (16, 16)))
    found = stage.extract(made)
    assert (found.status.tolist(), found.messages) == ([Status.FAILED], ["frame 6: ValueError: bad crop"])
