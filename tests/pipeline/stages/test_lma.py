"""Laban's features of motions that a hand can calculate."""

from typing import Any

import numpy as np
import pytest

from cache.spec import Status
from pipeline.stages import _laban
from pipeline.stages.lma import Extractor

HEAD, ARMS = [(0, 8), (0, 6)], [(-1, 6), (-1, 4), (-1, 2), (1, 6), (1, 4), (1, 2)]
LEGS, SENSES = [(-1, 2), (-1, 1), (-1, 0), (1, 2), (1, 1), (1, 0)], [(-0.5, 9), (0.5, 9), (-1, 8.5), (1, 8.5)]
SKELETON = np.array([*HEAD, *ARMS, *LEGS, *SENSES], float)
"""(18, 2) a person of integers: straight arms and legs, seen from the front; y is up, which no feature minds."""
HANDS, FEET = [4, 7], [10, 13]
LENGTHS = [2, 1, 1, 17**0.5, 17**0.5, 2, 2, 2, 2, 1, 1, 1, 1, 1.25**0.5, 1.25**0.5, 0.5**0.5, 0.5**0.5]
S = sum(LENGTHS) / 17


def still(t: int) -> np.ndarray:
    return np.zeros((18, 2))


def clip(motion: Any, frames: int = 6, scale: float = 1.0) -> dict[str, np.ndarray]:
    """A row of ``joints``: SKELETON plus motion(t) (18, 2), in every second frame of the video."""
    places = np.stack([SKELETON + motion(2 * at) for at in range(frames)]) * scale + 50
    pixels = np.concatenate([places, np.ones((frames, 18, 1))], axis=2).astype(np.float32)
    positions = np.arange(10, 10 + 2 * frames, 2, dtype=np.int32)
    return {"pixels": pixels, "positions": positions, "present": np.ones(frames, np.uint8)}


def only(joints: list[int], vector: tuple[float, float]) -> np.ndarray:
    out = np.zeros((18, 2))
    out[joints] = vector
    return out


def told(row: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Features (T,), seen (T,) and statistics (4,), by name."""
    stage = Extractor(Extractor.Config())
    stage.frames = len(row["positions"])
    found = stage.extract([stage.derive(row)])
    assert found.status.tolist() == [Status.OK]
    arrays = {name: array[0] for name, array in found.arrays.items()}
    names = _laban.NAMES
    statistics = arrays["statistics"].reshape(4, 54)
    by_name = (dict(zip(names, values.T, strict=True)) for values in (arrays["frames"], arrays["seen"], statistics))
    return tuple(by_name)  # type: ignore[return-value]


def test_54_features_and_216_statistics() -> None:
    stage = Extractor(Extractor.Config())
    assert {name: spec.shape for name, spec in stage.outputs.items()} == {
        "frames": (8, 54),
        "seen": (8, 54),
        "statistics": (216,),
    }


def test_a_pose_by_hand_whatever_its_size() -> None:
    expected = {
        "feet_hip": 2 / S,
        "hands_shoulder": 4 / S,
        "hands": 2 / S,
        "gait": 2 / S,
        "hands_head": 37**0.5 / S,
        "centroid_pelvis": (SKELETON[:, 1].mean() - 2) / S,
        "torso_height": 4 / S,
        "angle_feet_knee_hip": 0,
        "angle_shoulder_elbow_wrist": 0,
        "angle_hip_neck_nose": np.arctan2(1, 4),
        "angle_shoulder_neck_nose": np.pi / 2,
        "volume": 2 * 9 / S**2,
        "volume_lower": 2 * 2 / S**2,
        "volume_upper": 2 * 7 / S**2,
        "volume_left": 0.5 * 9 / S**2,
        "volume_right": 0.5 * 9 / S**2,
    }
    for size in (1, 7):
        features, seen, _ = told(clip(still, scale=size))
        for name, value in expected.items():
            assert features[name] == pytest.approx(np.full(6, value), abs=2e-4), name
            assert seen[name].all()


def test_a_still_person_moves_nothing() -> None:
    features, _, statistics = told(clip(still))
    moving = [name for name in features if name.startswith(("velocity", "angular", "acceleration", "jerk"))]
    assert len(moving) == 6 * 3 + 8 * 2
    assert all(np.abs(features[name]).max() < 1e-6 and np.abs(statistics[name]).max() < 1e-6 for name in moving)
    assert all(values[3] == pytest.approx(0, abs=1e-6) for values in statistics.values())


def test_constant_velocity_per_frame_of_the_video_and_no_acceleration() -> None:
    features, seen, statistics = told(clip(lambda t: np.full((18, 2), t) * (0.3, 0.4)))
    for part in _laban.PARTS:
        assert features[f"velocity_{part}"] == pytest.approx([0.5 / S] * 5 + [0], abs=1e-4)
        assert features[f"acceleration_{part}"] == pytest.approx(np.zeros(6), abs=1e-4)
    assert seen["velocity_feet"].tolist() == [1, 1, 1, 1, 1, 0]
    assert seen["acceleration_feet"].tolist() == [1, 1, 1, 1, 0, 0]
    assert seen["jerk_feet"].tolist() == [1, 1, 1, 0, 0, 0]
    assert statistics["velocity_hands"] == pytest.approx([0.5 / S, 0.5 / S, 0.5 / S, 0], abs=1e-4)


def test_constant_acceleration_of_one_part_of_which_both_sides_count_half() -> None:
    """The right foot goes by t^2 / 8: from frame t to t + 2 by (4 t + 4) / 8, so 1/4 per frame and frame."""
    row = clip(lambda t: only([10], (t * t / 8, 0)), frames=8)
    features, _, statistics = told(row)
    s = _laban.scale(row["pixels"][..., :2].astype(float))
    expected = [(4 * t + 4) / 8 / 2 / s / 2 for t in range(0, 14, 2)]
    assert features["velocity_feet"] == pytest.approx([*expected, 0], abs=1e-4)
    assert features["acceleration_feet"] == pytest.approx([0.25 / s / 2] * 6 + [0, 0], abs=1e-4)
    assert features["jerk_feet"] == pytest.approx(np.zeros(8), abs=1e-4)
    assert features["velocity_hands"] == pytest.approx(np.zeros(8), abs=1e-6)
    assert statistics["velocity_feet"] == pytest.approx(
        [max(expected), min(expected), np.mean(expected), np.std(expected)], abs=1e-4
    )


def test_an_angle_that_grows_has_an_angular_velocity_and_no_acceleration() -> None:
    """Both forearms turn about their elbows by a tenth of a radian a frame."""

    def turned(t: int) -> np.ndarray:
        return only(HANDS, (2 * np.sin(0.1 * t), 2 - 2 * np.cos(0.1 * t)))

    features, _, _ = told(clip(turned))
    assert features["angle_shoulder_elbow_wrist"] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0], abs=1e-3)
    assert features["angular_velocity_shoulder_elbow_wrist"] == pytest.approx([0.1] * 5 + [0], abs=1e-3)
    assert features["angular_acceleration_shoulder_elbow_wrist"] == pytest.approx(np.zeros(6), abs=1e-3)


def test_a_missing_joint_takes_only_what_needs_it_and_the_other_side_stands_in() -> None:
    row = clip(lambda t: only(HANDS, (0.3 * t, 0.4 * t)))
    whole, _, _ = told(row)
    row["pixels"][2, 4] = (0, 0, 0.05)  # the right hand, once
    features, seen, statistics = told(row)
    assert seen["hands"].tolist() == [1, 1, 0, 1, 1, 1]
    assert features["hands"][2] == 0
    assert statistics["hands"][1] > 0, "what is missing is no minimum"
    assert seen["velocity_hands"].tolist() == [1, 1, 1, 1, 1, 0]
    assert features["velocity_hands"][2] == pytest.approx(whole["velocity_hands"][2], rel=0.05)
    assert features["feet_hip"] == pytest.approx(whole["feet_hip"], rel=0.05)
    assert features["volume"][0] == pytest.approx(whole["volume"][0], rel=0.05), "(0, 0) stretches no box"


def test_repeated_and_absent_frames_are_left_out() -> None:
    row = clip(lambda t: np.full((18, 2), t) * (0.3, 0.4))
    again = {name: array[[0, 0, 1, 2, 2, 3]].copy() for name, array in row.items()}
    again["present"][2] = 0
    again["pixels"][2] = 0
    features, seen, _ = told(again)
    assert features["velocity_feet"] == pytest.approx([0.5 / S, 0.5 / S, 0, 0.5 / S, 0.5 / S, 0], abs=1e-4)
    assert seen["velocity_feet"].tolist() == [1, 1, 0, 1, 1, 0]


def test_nobody_seen_gives_zeros() -> None:
    row = clip(still)
    row["pixels"][..., 2] = 0
    features, seen, statistics = told(row)
    assert not any(values.any() for part in (features, seen, statistics) for values in part.values())
