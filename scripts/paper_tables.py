"""The papers' pages of docs/: their published numbers, made from heads/configs/papers, each with what it is here.

``python -m scripts.paper_tables`` rewrites what stands between the two marks of each page, ``<!-- published FILE -->``
and ``<!-- /published -->``; a page may have several.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from cache import config
from heads.documents.breakdowns import Breakdown, PaperRow, Printed
from heads.documents.papers import PAPERS, Paper, PaperTable

PAGES = Path(__file__).resolve().parent.parent / "docs" / "papers"
MARKED = re.compile(r"(<!-- published (\w+) -->\n).*?(<!-- /published -->\n)", re.DOTALL)


def rewritten(text: str) -> str:
    """``text`` of a page with the tables as the files have them. Raises: ConfigError when there is no such file."""
    return MARKED.sub(lambda found: found[1] + told(found[2]) + found[3], text)


def told(name: str) -> str:
    """How many numbers are published, and every table of the file ``name``."""
    paper = config.load(PAPERS / f"{name}.toml", Paper)
    where = f"`heads/configs/papers/{name}.toml`"
    first = f"\n{figures(paper)} published figures are in {where}, those by class too, with the lines they were copied"
    parts = [*map(_by_head, paper.tables), *_by_source(paper.breakdowns)]
    return f"{first} from.\n\n" + "\n".join(parts) + "\n"


def figures(paper: Paper) -> int:
    """How many numbers the file has, without those that are not printed."""
    lists: list[Sequence[Printed]] = [numbers for table in paper.tables for numbers in table.heads.values()]
    lists += [list(one.heads.values()) for table in paper.tables for one in table.averages]
    lists += [numbers for one in paper.breakdowns for numbers in (one.mean, *one.classes.values())]
    return sum(isinstance(number, float) for numbers in lists for number in numbers)


def _by_head(table: PaperTable) -> str:
    averages = [one.name for one in table.averages]
    changed = f" with `{_set(table.settings)}`" if table.settings else ""
    rows = [
        [f"`{head}`{changed}", *map(_shown, numbers), *(_shown(one.heads.get(head, "-")) for one in table.averages)]
        for head, numbers in table.heads.items()
    ]
    heading = f"**{table.source}**: {table.metric}, % ({table.dataset}; {table.remark})\n\n"
    return heading + _table(["ours is", *(f"`{word}`" for word in table.protocols), *averages], rows)


def _by_source(breakdowns: Sequence[Breakdown]) -> Iterator[str]:
    """Metrics of one published table with the same rows stand side by side."""
    for _, several in groupby(breakdowns, lambda one: (one.source, one.dataset, one.rows, one.scale, one.remark)):
        together = list(several)
        one = together[0]
        scale = "%" if one.scale == 100 else f"0..{one.scale:g}"
        heading = f"**{one.source}**: {scale} ({one.dataset}, {one.release}, {one.split}; {one.remark})\n\n"
        rows = [
            [row.name, _ours(row), *(_shown(metric.mean[place], one.scale) for metric in together)]
            for place, row in enumerate(one.rows)
        ]
        yield heading + _table(["the paper's row", "ours is", *(f"`{metric.metric}`" for metric in together)], rows)


def _ours(row: PaperRow) -> str:
    """The head with the words of SET, or that nothing here is the same."""
    if row.of:
        return "ensemble of " + ", ".join(one.name for one in row.of)
    return "-" if row.head is None else f"`{row.head} {_set(row.settings)}`".replace(" `", "`")


def _set(settings: dict[str, Any]) -> str:
    return " ".join(f"{name}={_word(value)}" for name, value in settings.items())


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(printed: Printed, scale: float = 100) -> str:
    return printed if isinstance(printed, str) else f"{printed:.{2 if scale == 100 else 4}f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")
