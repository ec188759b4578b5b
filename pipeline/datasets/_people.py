"""What any annotation says of its images and people: the form that each reader brings its own files to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cache.manifest import BAD_BOX

VAD: Final = ("valence", "arousal", "dominance")
LARGEST_SIDE: Final = 1_000_000
"""Image sides beyond this are no image's."""


@dataclass(frozen=True)
class Person:
    """One person of an image.

    place: the file and where in it, for errors. box: the numbers of the box, NaN for what is no number; xyxy pixels.
    categories: words. vad: 1..10, NaN where unknown. merged: labels that the file does not give combined, so that ours
    is the union or the mean over several annotators. remarks: what is wrong with the labels. extra: see
    ``cache.manifest.Row``.
    """

    place: str
    box: tuple[float, ...]
    categories: tuple[str, ...]
    vad: tuple[float, float, float]
    gender: str = ""
    age: str = ""
    merged: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    extra: str = ""


@dataclass(frozen=True)
class Image:
    """One image.

    place: where in the annotation, and its path. path: relative, as annotated. size: width, height; 0 for a side that
    is not usable. fault: why the size is not known, where there is more to say than that; its people then have
    ``status``. remarks: what is to be said of each of its people.
    """

    place: str
    path: str
    split: str
    size: tuple[int, int]
    people: tuple[Person, ...]
    fault: str = ""
    status: str = BAD_BOX
    remarks: tuple[str, ...] = ()


def rated(values: Sequence[float]) -> tuple[tuple[float, float, float], tuple[str, ...]]:
    """Valence, arousal and dominance with NaN for what is not in 1..10, and a remark on each that is NaN.

    values: three numbers, NaN or infinite where unknown.
    """
    kept, remarks = [], []
    for name, value in zip(VAD, values, strict=True):
        known = math.isfinite(value)
        usable = known and 1 <= value <= 10
        if not usable:
            remarks.append(f"{name} {value:g} is not in 1..10" if known else f"no {name}")
        kept.append(value if usable else math.nan)
    return (kept[0], kept[1], kept[2]), tuple(remarks)
