"""Embeddings on a plane: each class has its own colour and its own shape, so that neither is needed alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heads.page.charts import svg
from heads.page.elements import Html, element, join, number

SIZE, _MARGIN = 340, 10
COLOURS = 8
"""How many class colours the style sheet has."""
SHAPES = (
    "m-3-3h6v6h-6z",
    "m0-4l4 7h-8z",
    "m-2.8 0a2.8 2.8 0 1 0 5.6 0a2.8 2.8 0 1 0-5.6 0",
    "m0-4.2l4.2 4.2l-4.2 4.2l-4.2-4.2z",
    "m-3-3l6 6m0-6l-6 6",
    "m-4 0h8m-4-4v8",
    "m0 4l4-7h-8z",
    "m-4 0h8",
)
_OPEN = frozenset({4, 5, 7})
"""Shapes that are strokes, not areas."""


def scatter(title: str, points: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str]) -> Html:
    """points: (n, 2) in 0..1. labels: (n,) positions in ``classes``. One path a class keeps the page small."""
    places = _MARGIN + points * (SIZE - 2 * _MARGIN)
    groups = [
        element(
            "path",
            element("title", name),
            d="".join(f"M{number(x)} {number(y)}{shape(label)}" for x, y in places[labels == label].tolist()),
            class_=style(label),
        )
        for label, name in enumerate(classes)
    ]
    return svg(title, SIZE, *groups, width=SIZE, kind="scatter")


def legend(classes: Sequence[str], counts: Sequence[int]) -> Html:
    """The shapes by name, with how many points each has."""
    return keyed([f"{name} ({count})" for name, count in zip(classes, counts, strict=True)])


def keyed(words: Sequence[str]) -> Html:
    """A list of words, each behind its shape."""
    entries = [element("li", _sample(label), word) for label, word in enumerate(words)]
    return element("ul", join(entries), class_="legend")


def shape(label: int) -> str:
    """The path of a class, relative to its point."""
    return SHAPES[label % len(SHAPES)]


def colour(label: int) -> str:
    """The style sheet's class for a class's colour."""
    return f"c{label % COLOURS}"


def style(label: int) -> str:
    """The style sheet's classes for a class's colour and kind of shape."""
    return f"{colour(label)} {'open' if label % len(SHAPES) in _OPEN else 'solid'}"


def _sample(label: int) -> Html:
    picture = element("path", d=f"M7 7{shape(label)}", class_=style(label))
    return element("svg", picture, viewBox="0 0 14 14", width=14, height=14, aria_hidden="true", class_="key")
