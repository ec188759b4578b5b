"""Published numbers, in heads/configs/papers.toml."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cache import config
from cache.config import Settings

PAPERS = Path(__file__).parent / "configs" / "papers.toml"


class PaperAverage(Settings):
    """One column of averages. heads: head -> per cent, as printed."""

    name: str
    protocols: tuple[str, ...]
    heads: dict[str, float]


class PaperTable(Settings):
    """One published table. settings: what a row must have set, where it has such a setting, for the numbers to be about
    it. heads: head -> a number in per cent for each of ``protocols``. averages: the columns that average others."""

    source: str
    dataset: str
    metric: str
    settings: dict[str, Any]
    protocols: tuple[str, ...]
    heads: dict[str, tuple[float, ...]]
    averages: tuple[PaperAverage, ...] = ()

    def about(self, settings: Mapping[str, Any]) -> bool:
        """Whether a row with these ``settings`` is what the table measured."""
        return all(settings[key] == value for key, value in self.settings.items() if key in settings)

    def value(self, head: str, column: str) -> float | None:
        """The fraction in the column of a protocol or an average, None where the table has none."""
        if column in self.protocols:
            found = self.heads.get(head, ())[self.protocols.index(column) :][:1]
        else:
            found = tuple(one.heads[head] for one in self.averages if one.name == column and head in one.heads)
        return round(found[0] / 100, 6) if found else None


class PaperPeople(Settings):
    """A published test set. test: class -> people."""

    source: str
    dataset: str
    protocol: str
    test: dict[str, int]


class Papers(Settings):
    """Every published table and test set there is."""

    tables: tuple[PaperTable, ...]
    people: tuple[PaperPeople, ...]


def read() -> Papers:
    """Raises: ConfigError."""
    return config.load(PAPERS, Papers)


def published(papers: Papers, head: str, protocol: str, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """``{metric: fraction, "source": ..., "dataset": ...}``, or None where nothing is published of such a row."""
    for table in papers.tables:
        if table.about(settings) and (value := table.value(head, protocol)) is not None:
            return {table.metric: value, "source": table.source, "dataset": table.dataset}
    return None
