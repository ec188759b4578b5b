"""Stages frame by frame on clips: every frame's value is what the stage gives for that frame alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cache.config import Settings
from cache.errors import ConfigError
from cache.spec import ArraySpec, Granularity, Status
from pipeline.framed import Framed, Moments, positions
from pipeline.stage import Extracted, Failed, Photo, Stage
from pipeline.weights.folder import Weights

PERSON, IMAGE = Granularity.PERSON, Granularity.IMAGE


class Mean(Stage[NDArray[np.float64]]):
    """The mean of a person's crop; of an image its own. Black is nobody's face, white spoils the batch it is in."""

    version, Config = 1, Settings
    following_frames = 0

    def __init__(self, unit: Granularity, granularity: Granularity, batch_size: int = 3) -> None:
        self.unit, self.granularity = unit, granularity  # type: ignore[misc]
        self.config, self.batch_size, self.calls = Settings(), batch_size, list[int]()

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        return {"mean": ArraySpec((1,), "float32", "brightness", -1.0)}

    @property
    def weights(self) -> tuple[str, ...]:
        return ()

    @property
    def following(self) -> int:
        return self.following_frames

    def load(self, device: str, weights: Weights) -> None: ...

    def prepare(self, photo: Photo) -> list[NDArray[np.float64] | Failed]:
        frames = [np.asarray(image, float) for image in (photo.image, *photo.following)]
        pixels = np.stack(frames).mean((0, 3))
        if self.granularity is IMAGE:
            return [np.array([pixels.mean()])]
        boxes = [tuple(map(int, box)) for box in photo.boxes.tolist()]
        means = [pixels[y1:y2, x1:x2].mean() for x1, y1, x2, y2 in boxes]
        return [np.array(means)] if self.unit is IMAGE else [np.array([one]) for one in means]

    def rows(self, item: NDArray[np.float64]) -> int:
        return len(item)

    def run(self, items: Sequence[NDArray[np.float64]]) -> Extracted:
        self.calls.append(len(items))
        values = np.concatenate(items)
        if (values > 254).any():
            raise ValueError("white")
        status = np.where(values < 1, Status.NO_FACE, Status.OK).astype(np.uint8)
        texts = ["no face" if one else "" for one in status]
        return Extracted({"mean": values[:, None].astype(np.float32)}, status, texts)


def shown(stage: Framed, spans: list[tuple[int, int]], grey: dict[int, int], boxes: Any = None) -> Moments:
    """Frames of 8 x 8 of one grey each, person k in column k unless there are ``boxes`` by frame."""
    moments = stage.moments(np.array(spans, np.int32))
    for frame in sorted(set(moments.positions.ravel().tolist())):
        places = moments.at(frame)
        people = [own[0][0] for own in places]
        image = Image.fromarray(np.full((8, 8, 3), grey[frame], np.uint8))
        after = [np.full((8, 8, 3), grey[frame + k + 1], np.uint8) for k in range(stage.following)]
        there = np.array([(k, 0, k + 1, 8) for k in people], np.float32)
        stage.take(moments, Photo("v", image, there, tuple(map(Image.fromarray, after))), places)
    return moments


@pytest.mark.parametrize(("unit", "granularity"), [(PERSON, PERSON), (IMAGE, PERSON), (IMAGE, IMAGE)])
def test_each_frame_has_the_value_that_it_has_alone(unit: Granularity, granularity: Granularity) -> None:
    inner = Mean(unit, granularity)
    stage = Framed(inner, 4)
    first = shown(stage, [(0, 7), (4, 11)], {n: 10 + n for n in range(12)})
    second = shown(stage, [(0, 3)], {n: 50 + n for n in range(4)})
    found = stage.extract([first, second])
    assert found.status.tolist() == [Status.OK] * 3
    assert found.arrays["positions"].tolist() == [[1, 3, 5, 7], [5, 7, 9, 11], [0, 1, 2, 3]]
    assert found.arrays["mean"][..., 0].tolist() == [[11, 13, 15, 17], [15, 17, 19, 21], [50, 51, 52, 53]]
    assert found.arrays["present"].tolist() == [[1] * 4] * 3
    assert max(inner.calls) <= inner.batch_size
    alone = stage.extract([second])
    np.testing.assert_array_equal(alone.arrays["mean"][0], found.arrays["mean"][2])


def test_an_absent_frame_is_told_and_a_failed_one_fails_its_sample() -> None:
    stage = Framed(Mean(PERSON, PERSON), 4)
    grey = {0: 0, 1: 20, 2: 0, 3: 30, 4: 255, 5: 40, 6: 0, 7: 0, 8: 0, 9: 0}
    found = stage.extract([shown(stage, [(0, 3)], grey), shown(stage, [(2, 5)], grey), shown(stage, [(6, 9)], grey)])
    assert found.status.tolist() == [Status.OK, Status.FAILED, Status.NO_FACE]
    assert found.arrays["present"].tolist() == [[0, 1, 0, 1], [0] * 4, [0] * 4]
    assert found.arrays["mean"][0, :, 0].tolist() == [-1, 20, -1, 30]
    assert (found.arrays["mean"][1:] == -1).all(), "a row that is not ok holds what is missing"
    assert found.messages == ["", "frame 4: ValueError: white", "frame 6: no face"]


def test_a_sample_without_a_box_in_any_frame_says_so() -> None:
    stage = Framed(Mean(PERSON, PERSON), 2)
    found = stage.extract([stage.moments(np.array([[0, 9]], np.int32))])
    assert (found.status.tolist(), found.messages) == ([Status.UNUSABLE], ["no box in any of its frames"])


def test_a_short_clip_repeats_its_frames_and_runs_each_once() -> None:
    inner = Mean(PERSON, PERSON, batch_size=64)
    stage = Framed(inner, 8)
    found = stage.extract([shown(stage, [(3, 5)], {3: 3, 4: 4, 5: 5})])
    assert found.arrays["mean"][0, :, 0].tolist() == [3, 3, 3, 4, 4, 5, 5, 5]
    assert inner.calls == [3]


def test_following_frames_stay_inside_the_span_where_it_is_long_enough() -> None:
    inner = Mean(IMAGE, IMAGE)
    inner.following_frames = 5
    stage = Framed(inner, 3)
    found = stage.extract([shown(stage, [(10, 19)], {n: n for n in range(30)})])
    assert found.arrays["positions"].tolist() == [[10, 12, 14]]
    assert found.arrays["mean"][0, :, 0].tolist() == [12.5, 14.5, 16.5]
    assert positions((10, 12), 3, following=5).tolist() == [10, 10, 10]


def test_positions_are_the_middles_of_equal_parts() -> None:
    for first, length, frames in ((0, 100, 8), (7, 5, 5), (3, 2, 7), (0, 1, 4), (9, 299, 25)):
        parts = [first + int(length * (2 * i + 1) / (2 * frames)) for i in range(frames)]
        assert positions((first, first + length - 1), frames).tolist() == parts


def test_a_derived_stage_takes_one_frame_at_a_time() -> None:
    class Double(Mean):
        @property
        def source(self) -> str:
            return "body"

        @property
        def reads(self) -> tuple[str, ...]:
            return ("mean",)

        def derive(self, row: Any) -> NDArray[np.float64]:
            return np.asarray(row["mean"], float) * 2

    stage = Framed(Double(PERSON, PERSON), 3)
    assert stage.reads == ("mean", "positions", "present")
    row = {"mean": np.array([[1], [2], [3]]), "positions": np.array([4, 5, 6]), "present": np.array([1, 0, 1])}
    found = stage.extract([stage.derive(row)])
    assert found.arrays["mean"][0, :, 0].tolist() == [2, -1, 6]
    assert found.arrays["positions"].tolist() == [[4, 5, 6]]


def test_a_stage_cannot_have_an_array_of_a_clips_own_name() -> None:
    class Taken(Mean):
        @property
        def outputs(self) -> dict[str, ArraySpec]:
            return {"present": ArraySpec((), "uint8", "")}

    with pytest.raises(ConfigError, match="'present' is a name"):
        _ = Framed(Taken(PERSON, PERSON), 2).outputs
