"""summary.json as LaTeX: a paper's table of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from cache.errors import unknown
from heads.tables.columns import best
from heads.tables.summary import Summary, Table, body, main_of, notes
from heads.tables.tabular import bold, ruled
from heads.text import escaped


def latex(summary: Summary, words: Sequence[str] = ()) -> str:
    """One ``tabular`` for booktabs a table, ours in bold where they are a column's best, and the notes below them.

    words: names of columns, all without one; a table that has none of them is left out. Raises: UnknownName for a word
    that is no column.
    """
    known = list(dict.fromkeys(column["name"] for table in summary["tables"] for column in table["columns"]))
    for word in words:
        if word not in known:
            raise unknown("column", word, known)
    lines = []
    for table in (_narrowed(one, words or known) for one in summary["tables"]):
        if table["columns"]:
            lines += [rf"\paragraph{{{escaped(table['title'])}}}", *_tabular(summary, table)]
    return "\n".join([*lines, *(escaped(note) + r"\\" for note in notes(summary))]) + "\n"


def _narrowed(table: Table, words: Sequence[str]) -> dict[str, Any]:
    """The table with the columns of those ``words`` alone, in their order."""
    named = [column["name"] for column in table["columns"]]
    places = [named.index(word) for word in words if word in named]
    rows = [{**row, "cells": [row["cells"][place] for place in places]} for row in table["rows"]]
    return {**table, "columns": [table["columns"][place] for place in places], "rows": rows}


def _tabular(summary: Summary, table: Table) -> list[str]:
    """Each head has one line called ``ours``."""
    head, *lines_of_heads = body(summary, table)
    tops = [_best(summary, table, place) for place in range(len(table["columns"]))]
    lines, row = [], -1
    for name, kind, *values in lines_of_heads:
        row += kind == "ours"
        cells = [bold(text, kind == "ours" and row in top) for text, top in zip(values, tops, strict=True)]
        lines.append([escaped(name), escaped(kind), *cells])
    return ruled("ll" + "r" * len(table["columns"]), list(map(escaped, head)), lines)


def _best(summary: Summary, table: Table, place: int) -> set[int]:
    """The rows with the best main metric of a column."""
    main = main_of(summary, table["columns"][place])

    def score(row: Mapping[str, Any]) -> float | None:
        found = (row["cells"][place].get("metrics") or {}).get(main["name"])
        return None if found is None else float(main["scale"] * found["mean"])

    return best(list(map(score, table["rows"])), main.get("better", "higher"))
