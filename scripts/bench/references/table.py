"""bench/reference.json as the table in docs/reference.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parents[3] / "docs" / "reference.md"
BEGIN, END = "<!-- references -->\n", "<!-- /references -->\n"
COLUMNS = (
    "entry",
    "its own project's path",
    "greatest difference (tolerance)",
    "ours / theirs, of at most",
    "at least 1.3",
)


def rewritten(text: str, result: Mapping[str, Any]) -> str:
    """``text`` of the page with the table of ``result``. Raises: ValueError when a mark is missing."""
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"{TABLE.name}: the marks {BEGIN.strip()} and {END.strip()} are not there")
    return f"{before}{BEGIN}{''.join(_lines(result))}{END}{after}"


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    for name, entry in result["stages"].items():
        differences = "; ".join(
            f"{what}: {one['greatest']:g} {one['unit']} ({one['tolerance']:g})"
            for what, one in entry["differences"].items()
        )
        ratio = f"{entry['ratio']:.2f} of {entry['arithmetic']['most']:.2f}"
        if "as_published" in entry:
            ratio += f"; as published {entry['as_published']['ratio']:.2f}"
        met = "yes" if entry["met"] else "no"
        yield f"| `{name}` | {entry['rival']} | {differences} | {ratio} | {met} |\n"
    yield "\nWhat was done otherwise, and what was set in the rival to compare the same work:\n\n"
    for name, entry in result["stages"].items():
        for deviation in entry["deviations"]:
            yield f"- `{name}`: {deviation}.\n"
    yield "\nNot compared:\n\n"
    for name, why in result.get("not_compared", {}).items():
        yield f"- {name}: {why}.\n"
