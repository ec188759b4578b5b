"""The style sheet's colours and fonts of pictures as attributes, for files that lie without the style sheet."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

STYLE = Path(__file__).with_name("style.css")
_DRAWN = frozenset(
    {"fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-weight", "font-family"}
)
"""Properties that SVG has as attributes."""
_ROOM = ".plot "
"""Rules of pictures alone begin so; others are a class's wherever it is."""


def attributes(tag: str, classes: Sequence[str]) -> dict[str, str]:
    """What an element of a picture looks like, in the light colours. Later rules win: the style sheet has what it says
    of a tag before what it says of a class."""
    names = {f".{one}" for one in classes} | {tag}
    found: dict[str, str] = {}
    for selector, told in _rules():
        if selector.removeprefix(_ROOM) in names and selector.startswith("."):
            found |= told
    colours = _colours() | {name: value for name, value in found.items() if name.startswith("--")}
    return {name: _resolved(value, colours) for name, value in found.items() if name in _DRAWN}


def _resolved(value: str, colours: Mapping[str, str]) -> str:
    """Variables replaced, of a variable's value too. Raises: KeyError for one that the style sheet does not have."""
    while found := re.search(r"var\((--[\w-]+)\)", value):
        value = value.replace(found[0], colours[found[1]])
    return value


@cache
def _rules() -> list[tuple[str, dict[str, str]]]:
    """(selector, declarations) outside of media queries, in their order."""
    text = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", STYLE.read_text(encoding="utf-8"))
    found = re.findall(r"([^{}]+)\{([^{}]*)\}", text)
    return [(one.strip(), _declared(body)) for selectors, body in found for one in selectors.split(",")]


@cache
def _colours() -> dict[str, str]:
    return next(told for selector, told in _rules() if selector == ":root")


def _declared(body: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in body.split(";") if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
