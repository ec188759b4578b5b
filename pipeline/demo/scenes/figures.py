"""A clothed figure in one of six postures, painted inside a box that knows nothing of the posture."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.scenes.canvas import Canvas, Colour, shade, vary
from pipeline.demo.scenes.design import ADE20K
from pipeline.demo.scenes.faces import paint_head

JOINTS: Final = (
    "head", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
)  # fmt: skip
_MIRRORED: Final = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10]
HEAD_RADIUS: Final = 0.105
"""Half the head's height, as a share of the box's height."""
_STANDING: Final = (
    (0.50, 0.15), (0.50, 0.28), (0.35, 0.31), (0.31, 0.46), (0.30, 0.60), (0.65, 0.31), (0.69, 0.46), (0.70, 0.60),
    (0.42, 0.60), (0.41, 0.78), (0.40, 0.95), (0.58, 0.60), (0.59, 0.78), (0.60, 0.95),
)  # fmt: skip
_CHANGES: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "arms_up": {
        "head": (0.50, 0.24), "neck": (0.50, 0.36), "right_shoulder": (0.36, 0.39), "left_shoulder": (0.64, 0.39),
        "right_elbow": (0.17, 0.30), "right_wrist": (0.15, 0.09), "left_elbow": (0.83, 0.30),
        "left_wrist": (0.85, 0.09), "right_hip": (0.42, 0.65), "left_hip": (0.58, 0.65),
    },
    "slumped": {
        "head": (0.55, 0.23), "neck": (0.50, 0.33), "right_shoulder": (0.37, 0.38), "left_shoulder": (0.63, 0.38),
        "right_elbow": (0.34, 0.54), "right_wrist": (0.38, 0.70), "left_elbow": (0.66, 0.54),
        "left_wrist": (0.64, 0.70), "right_hip": (0.43, 0.66), "left_hip": (0.57, 0.66), "right_knee": (0.38, 0.81),
        "left_knee": (0.62, 0.81),
    },
    "arms_crossed": {
        "right_elbow": (0.24, 0.46), "right_wrist": (0.62, 0.43), "left_elbow": (0.76, 0.46),
        "left_wrist": (0.38, 0.46),
    },
    "hands_at_face": {
        "right_elbow": (0.20, 0.44), "right_wrist": (0.33, 0.20), "left_elbow": (0.80, 0.44),
        "left_wrist": (0.67, 0.20),
    },
    "pointing": {"right_elbow": (0.20, 0.32), "right_wrist": (0.06, 0.29)},
    "walking": {
        "right_elbow": (0.22, 0.44), "right_wrist": (0.12, 0.54), "left_elbow": (0.75, 0.45),
        "left_wrist": (0.88, 0.49), "right_knee": (0.28, 0.76), "right_ankle": (0.14, 0.93),
        "left_knee": (0.70, 0.76), "left_ankle": (0.84, 0.95),
    },
}  # fmt: skip
SKINS: Final[tuple[Colour, ...]] = ((236, 194, 164), (222, 170, 134), (190, 134, 98), (140, 94, 66), (246, 210, 184))
_PERSON: Final = ADE20K["person"]


def draw_joints(posture: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """(14, 2) joints in JOINTS order as shares of the box's width and height, jittered and mirrored at random.

    The figure faces the viewer: its right side is on the image's left.
    """
    changes = _CHANGES[posture]
    joints = np.array([changes.get(name, place) for name, place in zip(JOINTS, _STANDING, strict=True)])
    joints += rng.normal(0, 1, joints.shape) * (0.018, 0.010)
    joints[:2] += rng.normal(0, 0.01, 2)
    if rng.random() < 0.5:
        joints = joints[_MIRRORED] * (-1, 1) + (1, 0)
    return np.asarray(np.clip(joints, 0.04, 0.97), np.float64)


def paint_figure(
    canvas: Canvas, box: tuple[int, int, int, int], posture: str, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Paint one person inside its box (x1, y1, x2, y2) and return its (14, 2) joints in scene pixels."""
    joints = draw_joints(posture, rng)
    width, height = box[2] - box[0], box[3] - box[1]
    c = canvas.window(box).at(0, 0, (width, height))
    skin = vary(rng, SKINS[int(rng.integers(len(SKINS)))], 10)
    shirt, trousers = (vary(rng, (128, 128, 128), 100) for _ in range(2))
    at = {name: (float(x), float(y)) for name, (x, y) in zip(JOINTS, joints, strict=True)}
    tilt = float(rng.normal(0, 4)) + (14.0 if posture == "slumped" else 0.0) * np.sign(at["head"][0] - at["neck"][0])
    legs(c, at, trousers)
    torso(c, at, shirt, skin)
    raised = posture == "hands_at_face"
    if not raised:
        arms(c, at, shirt, skin, long_sleeves=bool(rng.random() < 0.5))
    paint_head(c, at["head"], HEAD_RADIUS * height, float(tilt), skin, rng)
    if raised:
        arms(c, at, shirt, skin, long_sleeves=bool(rng.random() < 0.5))
    return (joints * (width, height) + (box[0], box[1])).astype(np.float32)


def legs(c: Canvas, at: dict[str, tuple[float, float]], colour: Colour) -> None:
    """Paint trousers and shoes. at: where the JOINTS are, by name, in the frame of ``c``, whose unit is the figure."""
    for side, tone in (("right", 1.0), ("left", 0.88)):
        hip, knee, ankle = (at[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
        c.line([hip, knee, ankle], 0.075, shade(colour, tone), _PERSON)
        c.line([ankle, (ankle[0] + (0.05 if ankle[0] > 0.5 else -0.05), ankle[1] + 0.015)], 0.05, (44, 36, 34), _PERSON)


def torso(c: Canvas, at: dict[str, tuple[float, float]], shirt: Colour, skin: Colour) -> None:
    """Paint neck and shirt, as `legs`."""
    names = ("right_shoulder", "left_shoulder", "left_hip", "right_hip")
    corners = [at[name] for name in names]
    c.line([at["neck"], at["head"]], 0.075, shade(skin, 0.82), _PERSON)
    c.line([*corners, corners[0]], 0.07, shirt, _PERSON)
    c.polygon(corners, shirt, _PERSON)
    middle = ((corners[2][0] + corners[3][0]) / 2, (corners[2][1] + corners[3][1]) / 2)
    c.line([at["neck"], middle], 0.012, shade(shirt, 0.7))
    c.line([corners[3], corners[2]], 0.03, shade(shirt, 0.55))


def arms(c: Canvas, at: dict[str, tuple[float, float]], shirt: Colour, skin: Colour, long_sleeves: bool) -> None:
    """Paint arms and hands, as `legs`."""
    for side in ("right", "left"):
        shoulder, elbow, wrist = (at[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist"))
        c.line([shoulder, elbow, wrist], 0.068, shade(shirt, 0.6), _PERSON)
        c.line([elbow, wrist], 0.052, shade(shirt, 0.92) if long_sleeves else skin, _PERSON)
        c.line([shoulder, elbow], 0.058, shade(shirt, 0.92), _PERSON)
        c.line([wrist, wrist], 0.066, shade(skin, 0.96), _PERSON)
