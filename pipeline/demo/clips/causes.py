"""What makes the categories of the drawn clips: three independent causes, each shown by one kind of evidence alone.

- `appearance`: the colour and the pattern of the clothes, and more often than not a place that goes with them. Any one
  frame tells it, flow and joints do not.
- `motion`: how the whole figure moves. Two neighbouring frames tell it, one does not: where the figure stands is drawn
  without it.
- `pose`: the order of three gestures, each of which begins and ends upright. Every order has the same gestures, and
  between two of them the figure rests, so neither one frame nor some neighbouring ones tell the order: only where
  joints are over the whole clip.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Final

CAUSES: Final = ("appearance", "motion", "pose")
APPEARANCES: Final = ("warm", "green", "cold", "dark")
STRIPED: Final = ("green", "dark")
HOMES: Final = {
    "warm": ("kitchen", "bedroom"),
    "green": ("forest",),
    "cold": ("beach", "mountain"),
    "dark": ("street",),
}
AT_HOME: Final = 0.5
"""How often the place is one that goes with what the clip's first person wears; else it is any."""
MOTIONS: Final = ("left", "right", "sway", "still")
GESTURES: Final = ("arms", "crouch", "lean")
ORDERS: Final = tuple(" ".join(order) for order in permutations(GESTURES))
VALUES: Final = {"appearance": APPEARANCES, "motion": MOTIONS, "pose": ORDERS}


@dataclass(frozen=True)
class Category:
    """One of BoLD's categories: its cause, and the values of it (numbers in VALUES) that make people see it."""

    name: str
    cause: str
    values: tuple[int, ...]


CATEGORIES: Final = (
    Category("Peace", "appearance", (1,)),
    Category("Affection", "appearance", (0,)),
    Category("Esteem", "appearance", (2,)),
    Category("Anticipation", "motion", (1,)),
    Category("Engagement", "motion", (1, 2)),
    Category("Confidence", "appearance", (0, 2)),
    Category("Happiness", "motion", (2,)),
    Category("Pleasure", "appearance", (0, 1)),
    Category("Excitement", "motion", (2,)),
    Category("Surprise", "motion", (1,)),
    Category("Sympathy", "appearance", (1,)),
    Category("Doubt/Confusion", "pose", (0, 1)),
    Category("Disconnect", "pose", (2, 3)),
    Category("Fatigue", "motion", (3,)),
    Category("Embarrassment", "pose", (4, 5)),
    Category("Yearning", "appearance", (3,)),
    Category("Disapproval", "pose", (0, 1, 4)),
    Category("Aversion", "motion", (0,)),
    Category("Annoyance", "pose", (0, 2, 3)),
    Category("Anger", "pose", (1, 4, 5)),
    Category("Sensitivity", "pose", (2, 4)),
    Category("Sadness", "appearance", (3,)),
    Category("Disquietment", "motion", (0, 2)),
    Category("Fear", "motion", (0,)),
    Category("Pain", "pose", (3, 5)),
    Category("Suffering", "appearance", (2, 3)),
)
"""In BoLD's own order."""

DIMENSIONS: Final[dict[str, dict[str, tuple[float, ...]]]] = {
    "valence": {"appearance": (1.8, 0.9, -0.9, -1.8), "motion": (-0.6, 0.6, 0.0, 0.0)},
    "arousal": {"motion": (0.5, 0.5, 1.6, -2.6), "pose": (0.4, 0.4, 0.0, 0.0, -0.4, -0.4)},
    "dominance": {"motion": (-1.2, 1.2, 0.0, 0.0), "pose": (1.2, 1.2, 0.0, 0.0, -1.2, -1.2)},
}
"""What each value of a cause adds to the middle of the scale."""
MIDDLE: Final = 5.5
SCALE: Final = (1.0, 10.0)
DIMENSION_NOISE: Final = 0.9
"""Standard deviation."""

ANNOTATORS: Final = 6
SEES: Final = 0.85
"""How often an annotator names a category that the cause makes them see; the confidence is the share who do."""
IMAGINES: Final = 0.12
"""How often one names a category that nothing shows."""
FLIPPED: Final = 0.05
"""How often what all annotators of a clip saw is the opposite of what the causes say."""
