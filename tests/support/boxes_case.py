"""Images with all their people in small: one or two in each, with one or two of five categories each."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from protocol_case import Case
from toy_features import CATEGORIES, people

from cache.manifest import Row


def crowds(count: int) -> list[Row]:
    """The toy's people with boxes of their own."""
    draw, rows = np.random.default_rng(6), []
    for row in people(count, categories=CATEGORIES[:5]):
        low, extent = draw.uniform(0, 24, 2), draw.uniform(20, 40, 2)
        box = tuple(float(v) for v in np.round([*low, *(low + extent)]))
        rows.append(replace(row, box=box, original_box=box))
    return rows


CASE = Case(
    word="boxes",
    rows=crowds(260),
    settings={"resamples": 60, "chosen_by": "er"},
    other={"resamples": 50, "chosen_by": "er"},
    few=crowds(2),
    feature="image",
    heads=("everywhere", "place"),
    training={"per_class": 0, "epochs": 3, "features": "image", "lr": 0.05},
    plugins=Path(__file__).with_name("people_heads"),
    guess=("chance", ("er",)),
)
