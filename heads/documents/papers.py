"""Published numbers, in heads/configs/papers, a file a paper, and which rows they may stand beside."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import model_validator

from cache import config
from cache.config import Settings
from heads.documents import breakdowns, method
from heads.documents.breakdowns import Breakdown, Made
from heads.protocol import Protocol

PAPERS = Path(__file__).parent.parent / "configs" / "papers"


class PaperAverage(Settings):
    """One column of averages. heads: head -> per cent, as printed."""

    name: str
    protocols: tuple[str, ...]
    heads: dict[str, float]


class PaperTable(Settings):
    """One published table. settings: what its rows have set otherwise than the heads' own configs. heads: head -> a
    number in per cent for each of ``protocols``. averages: the columns that average others. remark: why
    they are not like for like with ours."""

    source: str
    dataset: str
    metric: str
    remark: str
    settings: dict[str, str | int | float]
    protocols: tuple[str, ...]
    heads: dict[str, tuple[float, ...]]
    averages: tuple[PaperAverage, ...] = ()

    def about(self, settings: Mapping[str, Any]) -> bool:
        """Whether a row with these ``settings``, of whatever head, is the method that the table measured. They tell the
        head, for no two have the same streams; it may be one that the table has no number of."""
        heads = method.heads_with(settings, self.protocols[0])
        known = ((head, protocol) for head in heads for protocol in self.protocols)
        return any(
            method.same(settings, head, protocol, method.known(head, protocol, self.settings))
            for head, protocol in known
        )

    def value(self, head: str, column: str) -> float | None:
        """The fraction in the column of a protocol or an average, None where the table has none."""
        if column in self.protocols:
            found = self.heads.get(head, ())[self.protocols.index(column) :][:1]
        else:
            found = tuple(one.heads[head] for one in self.averages if one.name == column and head in one.heads)
        return round(found[0] / 100, 6) if found else None


class Paper(Settings):
    """One file. tables: by head and protocol. breakdowns: by class or dimension; what the file says of ``dataset``,
    ``release``, ``split``, ``protocol`` and ``remark`` holds for those of them that do not say it themselves, and their
    ``rows`` are names of the file's; so is what one of these is an ensemble ``of``."""

    tables: tuple[PaperTable, ...] = ()
    breakdowns: tuple[Breakdown, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        shared = {key: values[key] for key in values if key not in ("tables", "breakdowns", "rows")}
        rows = {name: {"name": name, **told} for name, told in values.get("rows", {}).items()}
        found = []
        for one in values.get("breakdowns", ()):
            if unknown := [name for name in one["rows"] if name not in rows]:
                raise ValueError(f"{one['source']}: no row {unknown[0]!r} in [rows]")
            found.append({**shared, **one, "rows": [_whole(name, rows) for name in one["rows"]]})
        return {"tables": values.get("tables", ()), "breakdowns": found}


def _whole(name: str, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A row with the rows that it is an ensemble ``of`` in place of their names. Raises: ValueError."""
    members = rows[name].get("of", ())
    if unknown := [one for one in members if one not in rows]:
        raise ValueError(f"row {name}: no row {unknown[0]!r} in [rows]")
    return {**rows[name], "of": [rows[one] for one in members]}


class Papers(Settings):
    """Every published table there is."""

    tables: tuple[PaperTable, ...]
    breakdowns: tuple[Breakdown, ...]


@cache
def read() -> Papers:
    """Raises: ConfigError."""
    found = [config.load(path, Paper) for path in sorted(PAPERS.glob("*.toml"))]
    return Papers(
        tables=tuple(table for one in found for table in one.tables),
        breakdowns=tuple(table for one in found for table in one.breakdowns),
    )


def published(
    papers: Papers, dataset: str, head: str, protocol: Protocol, settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    """``{metric: fraction, "source": ..., "dataset": ..., "remark": ...}``, or None where nothing is published of such
    a row; by class or dimension too where the paper tells it (``breakdowns.numbers``). dataset: that the row was
    measured on; a number of another one's people is none to compare with."""
    for table in (one for one in papers.tables if one.dataset == dataset):
        value = table.value(head, protocol.name)
        if value is not None and table.about(settings):
            told = {"source": table.source, "dataset": table.dataset, "remark": table.remark}
            return {table.metric: value, **told}
    return breakdowns.numbers(papers.breakdowns, dataset, protocol.name, Made([(head, settings)]))
