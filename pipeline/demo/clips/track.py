"""What a pose estimator would have found in a drawn clip: jittered joints with scores, some of them missing."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.clips.plan import SIZE, ClipPlan, Stream, random_stream
from pipeline.demo.clips.render import Figure
from pipeline.demo.scenes.figures import HEAD_RADIUS, JOINTS

JITTER: Final = 0.008
"""Standard deviation of a joint's place, as a share of the figure's height."""
MISSING: Final = 0.04
"""How often a joint is not found: half of them (0, 0, 0), half somewhere with a score below 0.1."""
LOST: Final = 0.02
"""How often a person is not found in a frame at all."""
_FACE: Final = {"nose": (0.0, 0.2), "right_eye": (-0.31, -0.07), "left_eye": (0.31, -0.07),
                "right_ear": (-0.74, 0.08), "left_ear": (0.74, 0.08)}  # fmt: skip
"""Places on a drawn head, right and down of its middle, in units of its radius."""
_ORDER: Final = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip


def track(plan: ClipPlan, people: tuple[Figure, ...]) -> NDArray[np.float64]:
    """(rows, 56) as BoLD's files of joints: frame in the film, person, 18 x (x, y, score); by frame, then by person.

    The first frame has a row of everybody, by which the clip's first frame is known.
    """
    rng = random_stream(plan.seed, plan.index, Stream.TRACK)
    every = [_found(figure, rng) for figure in people]
    rows = []
    for frame in range(plan.frames):
        for person, found in enumerate(every):
            if rng.random() >= LOST or frame == 0:
                rows.append(np.concatenate([[plan.start + frame, person], found[frame].ravel()]))
    return np.stack(rows)


def coco18(figure: Figure) -> NDArray[np.float64]:
    """(frames, 18, 2) the true places in COCO-18 order, in pixels."""
    head = figure.joints[:, JOINTS.index("head")]
    places = {name: figure.joints[:, number] for number, name in enumerate(JOINTS)}
    places |= {name: head + np.array(shift) * HEAD_RADIUS * figure.height for name, shift in _FACE.items()}
    return np.stack([places[name] for name in _ORDER], 1)


def _found(figure: Figure, rng: np.random.Generator) -> NDArray[np.float64]:
    """(frames, 18, 3) x, y, score."""
    places = coco18(figure)
    places = places + rng.normal(0, JITTER * figure.height, places.shape)
    score = rng.uniform(0.45, 0.95, places.shape[:2])
    outside = ((places < 0) | (places >= SIZE)).any(-1)
    missed = rng.random(score.shape) < MISSING
    absent = outside | (missed & (rng.random(score.shape) < 0.5))
    wrong = missed & ~absent
    places[wrong] = rng.uniform(0, SIZE, (int(wrong.sum()), 2))
    score[wrong] = rng.uniform(0.01, 0.09, int(wrong.sum()))
    return np.where(absent[..., None], 0.0, np.concatenate([places, score[..., None]], -1))
