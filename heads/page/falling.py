"""What each person's score is, in falling order: the mean over models, and a band from the lowest to the highest."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from heads.drawing import Ordered
from heads.page.charts import LINES, WIDTH, svg, text
from heads.page.curves import limits, path, ticks
from heads.page.elements import Html, element, join, number
from heads.page.material import Material
from heads.page.outcome import card, name_of

_LEFT, _TOP, _RIGHT, _BOTTOM = 44, 20, WIDTH - 10, 128
_HEIGHT, _MOST = 160, 201
_SHARES = (0, 25, 50, 75, 100)

Array = NDArray[np.float64]


def section(material: Material, one: Ordered) -> Html:
    """A card a head with a picture of each of its scores, those of one name on one scale. one: the first head's, for
    its words."""
    heads = [(row, found) for row in material.rows if (found := _of(material, row["name"], one.title))]
    names = list(dict.fromkeys(name for _, found in heads for name in found.values))
    ends = {name: limits([found.values[name] for _, found in heads if name in found.values]) for name in names}
    cards = [
        card(name_of(material, row), *_pictures(row["name"], found, names, ends), _people(found))
        for row, found in heads
    ]
    return join([element("p", one.told), element("div", *cards, class_="cards")])


def _of(material: Material, head: str, title: str) -> Ordered | None:
    shown = material.shown.get(head)
    found = shown.of(title) if shown else None
    return found if isinstance(found, Ordered) else None


def _pictures(head: str, one: Ordered, names: Sequence[str], ends: dict[str, tuple[float, float]]) -> Iterator[Html]:
    for name in names:
        if name in one.values:
            yield falling(f"{name} of each person in falling order, {head}", name, one.values[name], *ends[name])


def _people(one: Ordered) -> str:
    """How many there are, by score where it is not known of everybody."""
    counts = {name: values.shape[1] for name, values in one.values.items()}
    if len(set(counts.values())) == 1:
        return f"{next(iter(counts.values())):,} people."
    return f"{', '.join(f'{name}: {count:,}' for name, count in counts.items())} people."


def falling(title: str, name: str, values: Array, low: float, high: float) -> Html:
    """values: (S, n) by model and person, at least one of each. low, high: where the axis begins and ends. Each model
    puts its own people in order; of many, some places in that order are drawn."""
    places = np.unique(np.linspace(0, values.shape[1] - 1, _MOST).round().astype(np.int64))
    ordered = -np.sort(-values, axis=1)[:, places]
    shares = places / max(values.shape[1] - 1, 1)
    if len(places) == 1:  # one person is a level line
        ordered, shares = np.repeat(ordered, 2, 1), np.array([0.0, 1.0])
    xs = [_LEFT + share * (_RIGHT - _LEFT) for share in shares.tolist()]

    def y(value: float) -> float:
        return _BOTTOM - (value - low) / ((high - low) or 1) * (_BOTTOM - _TOP)

    def along(line: Array) -> list[tuple[float, float]]:
        return list(zip(xs, map(y, line.tolist()), strict=True))

    band = [*along(ordered.max(0)), *reversed(along(ordered.min(0)))]
    mean = y(float(values.mean()))
    level = element("line", x1=_LEFT, x2=_RIGHT, y1=number(mean), y2=number(mean), class_=LINES[0])
    told = element("title", f"mean {values.mean():.2f}")
    return svg(
        title,
        _HEIGHT,
        text(name, _LEFT, 12, kind="name"),
        *ticks(low, high, y),
        *_below(),
        element("path", d=f"{path(band)}z", class_="band"),
        element("path", d=path(along(ordered.mean(0))), class_="curve"),
        element("g", told, level),
    )


def _below() -> list[Html]:
    across = (_RIGHT - _LEFT) / 100
    words = [text(str(share), _LEFT + across * share, _BOTTOM + 14, "middle", "tick") for share in _SHARES]
    return [*words, text("% of people", _RIGHT, _BOTTOM + 28, "end", "tick")]
