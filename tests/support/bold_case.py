"""Clips in small: one or two of five categories a person, how sure the annotators are of each, and dimensions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from protocol_case import Case
from toy_features import CATEGORIES, people

from cache.manifest import Row

DRAW = np.random.default_rng(8)


def clip(row: Row) -> Row:
    """The person in a clip, with confidences that agree with the labels."""
    low = DRAW.uniform(0, 0.49, len(CATEGORIES))
    sure = [0.5 + value if name in row.categories else value for name, value in zip(CATEGORIES, low, strict=True)]
    return replace(row, span=(0, 40), image=f"{row.image}.mp4", scores=tuple(sure))


CASE = Case(
    word="bold",
    rows=[clip(row) for row in people(categories=CATEGORIES[:5])],
    settings={"resamples": 60, "chosen_by": "map"},
    other={"resamples": 50, "chosen_by": "map"},
    few=[clip(row) for row in people(2)],
    heads=("blind", "straight"),
    training={"per_class": 0, "epochs": 2, "features": "body"},
    plugins=Path(__file__).with_name("flag_heads"),
    guess=("label_frequency", ("macro_auc",)),
)
