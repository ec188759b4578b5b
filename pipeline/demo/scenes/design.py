"""How the demo's emotion classes show themselves: in the place, in the posture and in the surroundings.

Twelve classes, as in CAT-6:6: six seen coarse ones and six unseen categories. Each class prefers one value of each
carrier; all values are reached by seen classes, and each unseen class is a new combination of them. The unseen classes
come in three pairs. The two of a pair share places and postures and differ in their surroundings only, so image and
body tell pairs apart while the objects around the person tell all six.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ADE20K: Final = {
    "wall": 0, "building": 1, "sky": 2, "floor": 3, "tree": 4, "road": 6, "bed": 7, "windowpane": 8, "grass": 9,
    "cabinet": 10, "sidewalk": 11, "person": 12, "earth": 13, "table": 15, "mountain": 16, "plant": 17, "car": 20,
    "painting": 22, "sea": 26, "lamp": 36, "sand": 46, "flower": 66, "book": 67, "bench": 69, "boat": 76, "bottle": 98,
    "tent": 114, "bag": 115, "ball": 119, "food": 120, "animal": 126, "bicycle": 127, "traffic light": 136,
    "clock": 148, "flag": 149,
}  # fmt: skip
"""The ADE20K classes that occur in the scenes, with their 0-based index among the 150."""

PLACES: Final = ("bedroom", "kitchen", "street", "beach", "forest", "mountain")
POSTURES: Final = ("arms_up", "slumped", "arms_crossed", "hands_at_face", "pointing", "walking")
LIGHTS: Final = ("bright", "warm", "dim", "cold")
SURROUNDINGS: Final = (
    ("lamp", "painting", "clock"),
    ("car", "traffic light", "bench"),
    ("flower", "plant", "animal"),
    ("food", "bottle", "book"),
    ("ball", "bicycle", "flag"),
    ("boat", "tent", "bag"),
)

CATEGORIES: Final = (
    "Affection", "Anger", "Annoyance", "Anticipation", "Aversion", "Confidence", "Disapproval", "Disconnection",
    "Disquietment", "Doubt/Confusion", "Embarrassment", "Engagement", "Esteem", "Excitement", "Fatigue", "Fear",
    "Happiness", "Pain", "Peace", "Pleasure", "Sadness", "Sensitivity", "Suffering", "Surprise", "Sympathy",
    "Yearning",
)  # fmt: skip
"""EMOTIC's 26 categories in their alphabetical order."""


@dataclass(frozen=True)
class Emotion:
    """One latent class: its categories, its share, its preferred carriers (main, second) and its VAD means on 1..10."""

    name: str
    seen: bool
    categories: tuple[str, ...]
    share: float
    places: tuple[str, str]
    postures: tuple[str, str]
    surroundings: int
    vad: tuple[float, float, float]


def _unseen(
    name: str,
    share: float,
    places: tuple[str, str],
    postures: tuple[str, str],
    surroundings: int,
    vad: tuple[float, float, float],
) -> Emotion:
    return Emotion(name, False, (name,), share, places, postures, surroundings, vad)


_PAIR_1: Final = (("bedroom", "mountain"), ("arms_crossed", "walking"))
_PAIR_2: Final = (("kitchen", "street"), ("pointing", "arms_up"))
_PAIR_3: Final = (("beach", "forest"), ("hands_at_face", "slumped"))

EMOTIONS: Final = (
    Emotion("anger", True, ("Anger", "Annoyance", "Aversion", "Disapproval"), 1.0,
            ("street", "kitchen"), ("pointing", "arms_crossed"), 1, (3, 7, 7)),
    Emotion("sadness", True, ("Sadness", "Suffering", "Pain", "Sympathy", "Fatigue"), 1.1,
            ("bedroom", "mountain"), ("slumped", "hands_at_face"), 0, (2, 3, 3)),
    Emotion("joy", True, ("Happiness", "Pleasure", "Excitement", "Peace", "Confidence", "Anticipation"), 1.3,
            ("beach", "forest"), ("arms_up", "walking"), 4, (9, 7, 7)),
    Emotion("love", True, ("Affection",), 0.9,
            ("kitchen", "beach"), ("walking", "arms_up"), 2, (8, 5, 6)),
    Emotion("fear", True, ("Fear", "Disquietment"), 0.9,
            ("forest", "street"), ("hands_at_face", "slumped"), 5, (3, 8, 2)),
    Emotion("surprise", True, ("Surprise", "Doubt/Confusion"), 0.9,
            ("mountain", "bedroom"), ("arms_crossed", "pointing"), 3, (6, 8, 4)),
    _unseen("Disconnection", 1.0, *_PAIR_1, 3, (4, 2, 4)),
    _unseen("Yearning", 0.9, *_PAIR_1, 5, (5, 4, 4)),
    _unseen("Engagement", 1.2, *_PAIR_2, 4, (7, 6, 8)),
    _unseen("Esteem", 0.8, *_PAIR_2, 0, (8, 4, 8)),
    _unseen("Sensitivity", 0.8, *_PAIR_3, 2, (5, 5, 2)),
    _unseen("Embarrassment", 0.8, *_PAIR_3, 1, (3, 6, 3)),
)  # fmt: skip

PREFER_PLACE: Final = 0.65
PREFER_POSTURE: Final = 0.65
PREFER_SURROUNDINGS: Final = 0.75
SECOND: Final = 0.2
"""How often a preferred carrier is the class's second one."""
SAME_EMOTION: Final = 0.8
"""How often the persons of one image share their class; otherwise only the posture tells the other person's."""
LABEL_NOISE: Final = 0.07
"""How often an annotated class is drawn again, whatever the evidence shows."""
