"""Where a figure and its joints are at each frame of a clip."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.clips import causes
from pipeline.demo.clips.plan import PersonPlan
from pipeline.demo.scenes.figures import JOINTS

ASPECT: Final = 0.58
"""Width of a figure's own frame over its height."""
SPEED: Final = (2.0, 3.2)
"""Pixels that a moving figure goes in a frame."""
TURNS: Final = (4.0, 6.0)
"""Frames between two turns of one that sways."""
PERIOD: Final = (20.0, 28.0)
"""Frames of one round of gestures."""
_UPRIGHT: Final = {
    "head": (0.0, 0.13), "neck": (0.0, 0.26), "right_shoulder": (-0.087, 0.29), "left_shoulder": (0.087, 0.29),
    "right_hip": (-0.046, 0.58), "left_hip": (0.046, 0.58), "right_knee": (-0.055, 0.77), "left_knee": (0.055, 0.77),
    "right_ankle": (-0.06, 0.95), "left_ankle": (0.06, 0.95),
}  # fmt: skip
"""x right of the middle and y below the top, as shares of the figure's height."""
_TRUNK: Final = ("head", "neck", "right_shoulder", "left_shoulder")
_UPPER_ARM, _LOWER_ARM = 0.15, 0.14
_DOWN, _UP = np.deg2rad(12), np.deg2rad(158)
_CROUCH, _LEAN = 0.11, 0.07


def path(person: PersonPlan, frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames, 2) the middle of the figure in pixels."""
    time = np.arange(frames) - (frames - 1) / 2
    speed = float(rng.uniform(*SPEED))
    turns, phase = float(rng.uniform(*TURNS)), float(rng.uniform(0, 2))
    motion = causes.MOTIONS[person.motion]
    if motion == "sway":
        x = speed * turns * (np.abs((time / turns + phase) % 2 - 1) - 0.5)
    else:
        x = {"left": -1.0, "right": 1.0, "still": 0.0}[motion] * speed * time
    y = 0.6 * np.sin(2 * np.pi * (time / 17 + phase))
    return np.stack([x, y], 1) + person.centre


def gestures(person: PersonPlan, frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames, 4) how far the right arm and the left one are up, the figure crouches and leans, each 0..1.

    Of each of the two pairs one comes a quarter of a round before the other.
    """
    arms = 1 if person.pose % 2 == 0 else -1
    trunk = 1 if person.pose < 2 else -1
    columns = []
    for order in (arms, trunk):
        turn = 2 * np.pi * (np.arange(frames) / rng.uniform(*PERIOD) + rng.random())
        columns += [np.cos(turn), np.cos(turn - order * np.pi / 2)]
    return np.asarray((np.stack(columns, 1) + 1) / 2, np.float64)


def joints(gesture: NDArray[np.float64]) -> NDArray[np.float64]:
    """(14, 2) joints in the order of figures.JOINTS as shares of the figure's frame, for one row of `gestures`."""
    right, left, crouch, lean = (float(value) for value in gesture)
    at = {name: np.array(place) for name, place in _UPRIGHT.items()}
    for name in _TRUNK:
        at[name] += (_LEAN * (2 * lean - 1), _CROUCH * crouch)
    for name, side in (("right", -1), ("left", 1)):
        at[f"{name}_hip"] += (0.0, 0.8 * _CROUCH * crouch)
        at[f"{name}_knee"] += (side * 0.05 * crouch, 0.3 * _CROUCH * crouch)
        angle = _DOWN + (_UP - _DOWN) * (right if name == "right" else left)
        along = np.array([side * np.sin(angle), np.cos(angle)])
        at[f"{name}_elbow"] = at[f"{name}_shoulder"] + _UPPER_ARM * along
        at[f"{name}_wrist"] = at[f"{name}_elbow"] + _LOWER_ARM * along
    return np.array([at[name] for name in JOINTS]) * (1 / ASPECT, 1.0) + (0.5, 0.0)
