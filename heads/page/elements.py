"""HTML from Python values. Text is escaped unless it came out of here, so a class name cannot become markup."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_EMPTY = frozenset({"meta", "path", "line", "rect", "circle", "img"})


class Html(str):
    """Markup that is safe to put into a page as it is."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: object) -> Html:
    """One element. children: Html as it is, other text escaped. attributes: ``class_`` and ``stroke_width`` become
    ``class`` and ``stroke-width``; None leaves one out."""
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{words}/>" if name in _EMPTY and not children else f"<{name}{words}>{join(children)}</{name}>")


def join(children: Iterable[str], between: str = "") -> Html:
    """The children one after the other, escaped where they are plain text; an empty sequence gives empty text."""
    return Html(between.join(one if isinstance(one, Html) else escape(one) for one in children))


def number(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def percent(fraction: float, digits: int = 2) -> str:
    """A fraction in 0..1 as per cent, without the sign."""
    return f"{100 * fraction:.{digits}f}"


def stacked(score: Mapping[str, Any], scale: float, sign: str = "") -> Html:
    """A mean, times ``scale``, with its interval below it. sign: ``+`` for a difference."""
    mean, low, high = (f"{scale * value:{sign}.2f}" for value in (score["mean"], *score["ci95"]))
    return join([mean, Html("<br/>"), element("small", f"[{low}, {high}]")])


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> Html:
    """A table that scrolls inside its own box. The first cell of a row is its heading; the last ``numbers`` columns are
    aligned right; a short row is filled up."""
    first = len(columns) - numbers
    kinds = ["number" if place >= first else None for place in range(len(columns))]
    heads = [element("th", word, scope="col", class_=kind) for word, kind in zip(columns, kinds, strict=True)]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", text, class_=kind) for text, kind in zip(row[1:], kinds[1:], strict=False)),
            *([element("td", colspan=len(columns) - len(row))] if len(row) < len(columns) else []),
        )
        for row in rows
    ]
    return framed(caption, element("thead", element("tr", *heads)), element("tbody", *body))


def framed(caption: str, *parts: Html, kind: str | None = None) -> Html:
    """A table of ``parts`` (thead, tbody) under a caption, in a box that scrolls. kind: its class in the style."""
    inner = element("table", element("caption", element("span", caption)), *parts, class_=kind)
    return element("div", inner, class_="scroll", tabindex=0, role="region", aria_label=caption)
