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
REST: Final = 4.0
"""Frames between two gestures, as many as a motion stage looks ahead or about so."""
_UPRIGHT: Final = {
    "head": (0.0, 0.13), "neck": (0.0, 0.26), "right_shoulder": (-0.087, 0.29), "left_shoulder": (0.087, 0.29),
    "right_hip": (-0.046, 0.58), "left_hip": (0.046, 0.58), "right_knee": (-0.055, 0.77), "left_knee": (0.055, 0.77),
    "right_ankle": (-0.06, 0.95), "left_ankle": (0.06, 0.95),
}  # fmt: skip
"""x right of the middle and y below the top, as shares of the figure's height."""
_TRUNK: Final = ("head", "neck", "right_shoulder", "left_shoulder")
_UPPER_ARM, _LOWER_ARM = 0.15, 0.14
_DOWN, _UP = np.deg2rad(12), np.deg2rad(158)
_CROUCH, _LEAN = 0.13, 0.12


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
    """(frames, 3) how far the arms are up, how far the figure crouches and how far it leans, in GESTURES' order: 0..1,
    but for the lean, -1..1.

    Each takes its third of the clip, less the rest; how far it goes and to which side it leans is drawn for itself.
    """
    part = frames / 3
    turns = causes.ORDERS[person.pose].split()
    found = np.zeros((frames, 3))
    for column, name in enumerate(causes.GESTURES):
        start = turns.index(name) * part + REST / 2
        share = np.clip((np.arange(frames) + 0.5 - start) / (part - REST), 0, 1)
        found[:, column] = rng.uniform(0.7, 1.0) * (1 - np.cos(2 * np.pi * share)) / 2
    found[:, causes.GESTURES.index("lean")] *= rng.choice((-1.0, 1.0))
    return found


def joints(gesture: NDArray[np.float64]) -> NDArray[np.float64]:
    """(14, 2) joints in the order of figures.JOINTS as shares of the figure's frame, for one row of `gestures`."""
    up, crouch, lean = (float(value) for value in gesture)
    at = {name: np.array(place) for name, place in _UPRIGHT.items()}
    for name in _TRUNK:
        at[name] += (_LEAN * lean, _CROUCH * crouch)
    for name, side in (("right", -1), ("left", 1)):
        at[f"{name}_hip"] += (0.0, 0.8 * _CROUCH * crouch)
        at[f"{name}_knee"] += (side * 0.05 * crouch, 0.3 * _CROUCH * crouch)
        angle = _DOWN + (_UP - _DOWN) * up
        along = np.array([side * np.sin(angle), np.cos(angle)])
        at[f"{name}_elbow"] = at[f"{name}_shoulder"] + _UPPER_ARM * along
        at[f"{name}_wrist"] = at[f"{name}_elbow"] + _LOWER_ARM * along
    return np.array([at[name] for name in JOINTS]) * (1 / ASPECT, 1.0) + (0.5, 0.0)
