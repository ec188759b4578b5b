"""A table as LaTeX: booktabs, every sign of a name escaped, the best number of a column in bold."""

from collections.abc import Mapping, Sequence
from typing import Any

from heads.tables.columns import Column, best, untrained
from heads.text import escaped


def tabular(results: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    """Its lines. A head made from untrained features is marked, also where the features' own column is left out."""
    rows, marks = results["rows"], untrained(results)
    tops = [best([one.score(row) for row in rows], one.better) if one.better else set() for one in columns]
    lines = []
    for place, row in enumerate(rows):
        cells = [bold(one.shown(row), place in top) for one, top in zip(columns, tops, strict=True)]
        used = [name for name in row["features"] if name in marks]
        if used and all(one.word != "features" for one in columns):
            cells[0] += escaped(f" (UNTRAINED: {', '.join(used)})")
        lines.append(cells)
    kinds = "".join("r" if one.numeric else "l" for one in columns)
    return ruled(kinds, [escaped(one.title) for one in columns], lines)


def bold(text: str, top: bool) -> str:
    """``12.30 [11.00, 13.00]``, its first number in bold where it is the best one. Returns it escaped."""
    number, space, rest = text.partition(" ")
    return rf"\textbf{{{escaped(number)}}}{space}{escaped(rest)}" if top else escaped(text)


def ruled(kinds: str, head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A whole ``tabular``. kinds: ``l`` or ``r`` for each column. head, lines: escaped."""
    body = [" & ".join(line) + r" \\" for line in (head, *lines)]
    return [
        rf"\begin{{tabular}}{{{kinds}}}",
        r"\toprule",
        body[0],
        r"\midrule",
        *body[1:],
        r"\bottomrule",
        r"\end{tabular}",
        "",
    ]
