"""A head for clips over a longer video: it answers about windows of time that slide over each person's span."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Final

import numpy as np

from pipeline.decoding.tracks import Track
from pipeline.running.clip_people import Sample
from scripts.prediction.clip import Clip
from scripts.prediction.model import Model
from scripts.prediction.whereabouts import Whereabouts

SECONDS: Final = 4.0
"""Of a window; of somebody who is there for a shorter time, the whole span. BoLD's clips have about as many."""
OVERLAP: Final = 0.5
"""Share of a window that the next one has too, at least, while there are no more than MOST."""
MOST: Final = 60
"""Windows of one person."""
TOGETHER: Final = 16
"""Windows whose frames are in memory at once."""


def spans(times: Sequence[float], first: int, last: int) -> list[tuple[int, int]]:
    """First and last frame of each window over the frames ``first`` to ``last``; the first begins with them, the last
    ends with them, and they begin at equal distances."""
    room = times[last] - times[first] - SECONDS
    if room <= 0:
        return [(first, last)]
    count = min(MOST, 1 + ceil(room / (SECONDS * (1 - OVERLAP)) - 1e-6))
    starts = times[first] + np.linspace(0, room, max(2, count))
    return [
        (bisect_left(times, start - 1e-6, first), min(last, bisect_right(times, start + SECONDS + 1e-6) - 1))
        for start in starts.tolist()
    ]


def answer(clip: Clip, model: Model, persons: Sequence[dict[str, Any]], tracks: Mapping[int, Track]) -> None:
    """Give each person ``windows``: frames, seconds and the answers of the head. tracks: person -> where they are, else
    it is taken from the looks. Raises: ImageError."""
    found: list[tuple[dict[str, Any], dict[str, Any], Sample]] = []
    for person in persons:
        person["windows"] = []
        where = Whereabouts(clip.chosen, len(clip.times), person["sightings"])
        track = tracks.get(person["number"]) or where.track()
        for look, (first, last) in enumerate(spans(clip.times, *where.span)):
            middle = (first + last) // 2
            shown = {"look": look, "frame": middle, "time": round(clip.times[middle], 3)}
            window = {**shown, "first": round(clip.times[first], 3), "last": round(clip.times[last], 3)}
            found.append((person, window, Sample((first, last), np.full(4, np.nan, np.float32), track)))
    found.sort(key=lambda one: one[2].span)
    for start in range(0, len(found), TOGETHER):
        part = found[start : start + TOGETHER]
        told = model.answered(clip.path, [sample for *_, sample in part], clip.info.size, clip.max_pixels)
        for (person, window, _), said in zip(part, told, strict=True):
            person["windows"].append({**window, **said})
