"""The gallery's document: what all people have in common, the script that draws them, and the style sheet."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from heads.page.elements import Html, element, join
from heads.page.outcome import badge
from heads.page.plain_style import STYLE
from scripts.showing.pile import script_json

SCRIPTS = ("index.js", "parts.js", "overlay.js", "filter.js", "person.js", "grid.js")
"""In the order in which a browser needs them."""
STYLES = "gallery.css"


def html(
    title: str, run: str, facts: Mapping[str, str], notes: Sequence[Html], index: Any, pieces: Sequence[Html]
) -> str:
    """The whole document. facts: told below the title. notes: warnings. index: see ``index.js``. pieces: people and
    pictures that the page itself holds.

    Its policy lets the browser run this script alone, and read files beside the page where it has such.
    """
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = "'self' file:" if index["files"] else ""
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data: {own}; script-src 'sha256-{digest}' {own}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title}: affect-cache"),
        element("style", Html(STYLE.read_text(encoding="utf-8") + _text(STYLES))),
    )
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in facts.items() if value]
    body = element(
        "body",
        element("header", element("p", run, class_="run"), element("h1", title), element("dl", *pairs), *notes),
        element("noscript", element("p", "This page draws its people by a script of its own.", class_="warning")),
        element("div", id="bar"),
        element("main", element("div", id="people", role="list", aria_label="People")),
        element("dialog", id="person", aria_label="Person"),
        element("script", Html(script_json(index)), type="application/json", id="index"),
        *pieces,
        element("script", Html(script)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def untrained(names: Sequence[str]) -> Html:
    """The warning of features that are not drawn."""
    told = f" features are not drawn, and nobody is near to anybody in them: {', '.join(names)}."
    return element("p", badge(), told, class_="warning")


def listed(told: str, lines: Sequence[str]) -> Html:
    """A warning with lines."""
    return element("div", element("p", told), element("ul", *(element("li", one) for one in lines)), class_="warning")


def note(*parts: str) -> Html:
    """A sentence below the facts."""
    return element("p", join(parts))


def _script() -> str:
    inner = "".join(_text(name) for name in SCRIPTS)
    return f"(() => {{\n'use strict';\n{inner}}})();\n"


def _text(name: str) -> str:
    return resources.files("scripts.showing").joinpath(name).read_text(encoding="utf-8")
