"""Learning curves as SVG: the mean over seeds, and a band from the lowest to the highest."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heads.page.charts import WIDTH, Scale, svg, text
from heads.page.elements import Html, element, number

_LEFT, _TOP, _RIGHT, _BOTTOM = 44, 20, WIDTH - 10, 128
_HEIGHT, _MOST_TICKS = 160, 7


def curve(
    title: str,
    name: str,
    values: NDArray[np.float64],
    low: float,
    high: float,
    best: Sequence[tuple[int, float]] = (),
) -> Html:
    """values: (epochs, S), at least one of each. low, high: where the axis begins and ends. best: (epoch from 1, value)
    of each seed's kept weights, drawn as rings."""
    epochs = len(values)
    across = (_RIGHT - _LEFT) / max(epochs - 1, 1)
    xs = [_LEFT + across * place for place in range(epochs)] if epochs > 1 else [(_LEFT + _RIGHT) / 2]

    def y(value: float) -> float:
        return _BOTTOM - (value - low) / ((high - low) or 1) * (_BOTTOM - _TOP)

    lines = {kind: [y(value) for value in found] for kind, found in _summaries(values).items()}
    band = [*zip(xs, lines["highest"], strict=True), *reversed(list(zip(xs, lines["lowest"], strict=True)))]
    mean = list(zip(xs, lines["mean"], strict=True))
    parts = [text(name, _LEFT, 12, kind="name"), *ticks(low, high, y), *_epochs(xs)]
    parts.append(element("path", d=f"{path(band)}z", class_="band"))
    parts.append(element("path", d=path(mean), class_="curve"))
    if epochs == 1:
        parts.append(element("circle", cx=number(xs[0]), cy=number(mean[0][1]), r=3, class_="dot"))
    for epoch, value in best:
        parts.append(element("circle", cx=number(xs[epoch - 1]), cy=number(y(value)), r=3.5, class_="best"))
    return svg(title, _HEIGHT, *parts)


def limits(values: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Ends of an axis that holds all values and has a round number in its middle; equal values get room too."""
    everything = np.concatenate([one.ravel() for one in values])
    lowest, highest = float(everything.min()), float(everything.max())
    power = 10.0 ** math.floor(math.log10(max((highest - lowest) / 2, 1e-3)))
    for step in (power * factor for factor in (1, 2, 2.5, 5, 10, 20)):
        low = math.floor(lowest / step + 1e-9) * step
        if low + 2 * step >= highest - 1e-9:
            break
    return low, low + 2 * step


def _summaries(values: NDArray[np.float64]) -> dict[str, list[float]]:
    return {"mean": values.mean(1).tolist(), "lowest": values.min(1).tolist(), "highest": values.max(1).tolist()}


def path(points: Sequence[tuple[float, float]]) -> str:
    """A line through the points."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def ticks(low: float, high: float, y: Scale) -> list[Html]:
    """The axis' ends and middle, as lines and numbers."""
    parts = []
    for value in (low, (low + high) / 2, high):
        height = y(value)
        parts.append(
            element("line", x1=_LEFT, y1=number(height), x2=_RIGHT, y2=number(height), class_="grid"),
        )
        parts.append(text(f"{value:.4g}", _LEFT - 6, height + 4, "end", "tick"))
    return parts


def _epochs(xs: Sequence[float]) -> list[Html]:
    step = max(1, math.ceil(len(xs) / _MOST_TICKS))
    places = range(step - 1, len(xs), step)
    words = [text(str(place + 1), xs[place], _BOTTOM + 14, "middle", "tick") for place in places]
    return [*words, text("epoch", _RIGHT, _BOTTOM + 28, "end", "tick")]
