"""The strip chart: each person's strongest answers over the time of the clip, one below the other."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw

from scripts.prediction import document, draw
from scripts.prediction.clip import Clip
from scripts.prediction.colours import BLACK, WHITE
from scripts.prediction.lettering import wrapped
from scripts.prediction.timeline import moments, shares, silent, stretches

PEOPLE: Final = 8
"""Who have strips: those who are looked at most often."""
ANSWERS: Final = 4
"""A person's strips: the greatest means."""
WIDTH, LETTERS = 1200, (1000, 600)
"""Pixels, and the size of the picture whose letters these are."""
ROW, GAP, MARGIN, BAR = 34, 18, 24, 8
PORTRAIT, NAMES, VALUES = 92, 170, 110
"""Pixels of the columns left and right of the strips."""
GRID, QUIET = "#D0D0D0", "#595959"
STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
"""Seconds between ticks: the first with which there are no more than TICKS."""
TICKS: Final = 12
READING = "Heights are shares from 0 to 100 %, means at the right. Bars: when somebody is seen."


def strips(clip: Clip, told: Mapping[str, Any], portraits: Mapping[int, Image.Image]) -> Image.Image:
    """The chart of ``told``, the clip's JSON. portraits: of people by their number, at most PORTRAIT each way."""
    often = sorted(told["persons"], key=lambda one: -int(one["looks"]))[:PEOPLE]
    people = sorted(often, key=lambda one: int(one["number"]))
    heights = [_height(person) + GAP for person in people]
    out = Image.new("RGB", (WIDTH, 2 * MARGIN + ROW + sum(heights)), WHITE)
    chart = _Chart(out, clip)
    tops = np.cumsum([MARGIN, *heights]).tolist()
    chart.axis(MARGIN, tops[-1])
    for person, top in zip(people, tops[:-1], strict=True):
        chart.person(top, person, portraits.get(int(person["number"])))
    return draw.below(out, _texts(clip, told, len(told["persons"]) - len(people)), chart.scale)


def _texts(clip: Clip, told: Mapping[str, Any], left_out: int) -> list[tuple[str, str]]:
    looks = [one for person in told["persons"] for one in moments(person)]
    words = [f"{clip.path.name}: {document.caption({**told, 'persons': looks})}", READING]
    if left_out:
        words.append(f"{left_out} more people, seen less often, are in the JSON.")
    warnings = document.warnings({**told, "persons": []})
    return [*((one, WHITE) for one in words), *((one, draw.WARNING) for one in warnings)]


def _height(person: Mapping[str, Any]) -> int:
    return max(ROW * (1 + max(1, len(_names(person)))), PORTRAIT)


def _names(person: Mapping[str, Any]) -> list[str]:
    return list(person["summary"]["mean"])[:ANSWERS]


class _Chart:
    """``out`` with its columns."""

    def __init__(self, out: Image.Image, clip: Clip) -> None:
        self.scale = draw.scale_of(LETTERS)
        self._out, self._pen = out, ImageDraw.Draw(out)
        self._left, self._right = MARGIN + PORTRAIT + NAMES + MARGIN, WIDTH - MARGIN - VALUES
        self._seconds = max(clip.seconds, 1e-6)
        gaps = np.diff([clip.times[frame] for frame in clip.chosen])
        self._step = float(gaps.mean()) if len(gaps) else self._seconds

    def axis(self, top: float, bottom: float) -> None:
        """Seconds below all strips, with lines through them."""
        step = next((one for one in STEPS if self._seconds / one <= TICKS), self._seconds / TICKS)
        for tick in np.arange(0, self._seconds + 1e-9, step).tolist():
            x = self._x(tick)
            self._pen.line((x, top, x, bottom + 6), fill=GRID, width=1)
            self._words(x, bottom + 8, f"{tick:g} s", QUIET, "ma")
        self._pen.line((self._left, bottom, self._right, bottom), fill=QUIET, width=2)

    def person(self, top: float, person: Mapping[str, Any], portrait: Image.Image | None) -> None:
        """The strips of one person, below ``top``."""
        colour, names = draw.colour_of(person), _names(person)
        if portrait is not None:
            self._out.paste(portrait, (MARGIN, round(top)))
        title, corner = [f"Person {person['number']}"], np.array([MARGIN + PORTRAIT + MARGIN // 2, top])
        place = np.concatenate([corner, corner + draw.size_of(title, self.scale)])
        draw.label(self._pen, title, place, colour, self.scale)
        looks = person["sightings"]
        for first, last in stretches(looks):
            self._bar(looks[first]["time"], looks[last - 1]["time"], top + (ROW - BAR) / 2, colour)
        self._words(self._right + 10, top + ROW / 2, f"seen {person['looks']} x", QUIET, "lm")
        for row, name in enumerate(names, 1):
            self._strip(top + row * ROW, name, person, colour)
        if not names:
            self._words(corner[0], top + 1.5 * ROW, self._fitting(silent(person), self._right - corner[0]), QUIET, "lm")

    def _strip(self, top: float, name: str, person: Mapping[str, Any], colour: str) -> None:
        """One answer over time; where there are looks without it, nothing."""
        base, height = top + ROW - 3, ROW - 8
        self._pen.line((self._left, base, self._right, base), fill=GRID, width=1)
        found = [one for one in moments(person) if shares(one)]
        for first, last in stretches(found):
            points = [(self._x(one["time"]), base - height * shares(one)[name]) for one in found[first:last]]
            if len(points) == 1:
                low, high = self._look(found[first]["time"], found[first]["time"])
                points = [(low, points[0][1]), (high, points[0][1])]
            self._pen.polygon([(points[0][0], base), *points, (points[-1][0], base)], fill=colour)
            self._pen.line(points, fill=BLACK, width=2, joint="curve")
        self._words(MARGIN + PORTRAIT + MARGIN // 2, base, self._fitting(name, NAMES), BLACK, "ls")
        self._words(self._right + 10, base, f"{100 * person['summary']['mean'][name]:.0f} %", BLACK, "ls")

    def _bar(self, first: float, last: float, top: float, colour: str) -> None:
        low, high = self._look(first, last)
        self._pen.rectangle((low, top, high, top + BAR), fill=colour, outline=QUIET)

    def _look(self, first: float, last: float) -> tuple[float, float]:
        """From half a step before to half a step after."""
        return self._x(max(0, first - self._step / 2)), self._x(min(self._seconds, last + self._step / 2))

    def _fitting(self, text: str, width: float) -> str:
        """As much of the text as has room."""
        first, *more = wrapped(text, self.scale.font, width)
        return f"{first} ..." if more else first

    def _words(self, x: float, y: float, text: str, ink: str, anchor: str) -> None:
        self._pen.text((x, y), text, fill=ink, font=self.scale.font, anchor=anchor)

    def _x(self, seconds: float) -> float:
        return self._left + (self._right - self._left) * seconds / self._seconds
