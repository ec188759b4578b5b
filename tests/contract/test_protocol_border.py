"""Nothing outside heads/protocols names a particular protocol: not its file, not its words, not what it speaks of."""

import re
from pathlib import Path

import pytest

from cache import plugins
from heads import known_protocols

ROOT = Path(__file__).parent.parent.parent
KINDS = plugins.names(known_protocols.PACKAGE)
SPOKEN = {
    "one_shot": (r"\bsupports? (set|draw|sample|norm)", "support_norm", "episod", "unseen", r"\bshots?\b"),
    "single_label": ("single.label", "chosen_by", "judging_by"),
}
"""What a protocol speaks of and nobody else should; a protocol that is not named here is held to its words alone."""


ENGLISH = {
    "bold": (r"""["'`]bold\b""", r"protocols\.bold\b", r"protocols import bold\b", "bold-published"),
    "boxes": (r"protocols\._?boxes\b", r"protocols import boxes\b", "protocol[= ]`?boxes"),
}
"""Words that mean something else too, and how they are written where the protocol is meant."""


def sources() -> list[Path]:
    rooms = [path for room in ("heads", "scripts") for path in (ROOT / room).rglob("*.py")]
    return [path for path in rooms if ROOT / "heads" / "protocols" not in path.parents]


def patterns(kind: str) -> list[str]:
    """The file's name, however it is written, every word, and what it speaks of."""
    if kind in ENGLISH:
        return [*ENGLISH[kind]]
    words = [re.escape(word) for word in known_protocols.load(kind).words(None)]
    return [rf"\b{kind.replace('_', '[_ -]?')}\b", *words, *SPOKEN.get(kind, ())]


def named(kind: str, text: str) -> list[str]:
    return [found.group() for one in patterns(kind) for found in re.finditer(one, text, re.IGNORECASE)]


@pytest.mark.parametrize("kind", KINDS)
def test_no_source_outside_the_protocols_names_one(kind: str) -> None:
    found = {str(path.relative_to(ROOT)): named(kind, path.read_text(encoding="utf-8")) for path in sources()}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_the_search_finds_what_it_looks_for(kind: str) -> None:
    own = (ROOT / "heads" / "protocols" / f"{kind}.py").read_text(encoding="utf-8")
    assert named(kind, own)
    assert named(kind, f"from heads.protocols import {kind}")


def test_there_are_sources_to_look_at() -> None:
    assert len(sources()) > 100
