"""Published numbers, in heads/configs/papers.toml, and which rows they may stand beside."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cache import config, plugins
from cache.config import Settings
from heads.grid import cell
from heads.training import fields

PAPERS = Path(__file__).parent / "configs" / "papers.toml"
PACE = frozenset({"lr", "step", "gamma", "epochs", "patience", "episodes", "validation_episodes"})
"""Settings that are not the method: how fast and how long it is trained, which the papers chose for backbones trained
end to end, and how many support draws measure it. A published number stands only beside a row that has all others as
in the head's own config."""


class PaperAverage(Settings):
    """One column of averages. heads: head -> per cent, as printed."""

    name: str
    protocols: tuple[str, ...]
    heads: dict[str, float]


class PaperTable(Settings):
    """One published table. settings: what its rows have set otherwise than the heads' own configs. heads: head -> a
    number in per cent for each of ``protocols``. averages: the columns that average others."""

    source: str
    dataset: str
    metric: str
    settings: dict[str, str | int | float]
    protocols: tuple[str, ...]
    heads: dict[str, tuple[float, ...]]
    averages: tuple[PaperAverage, ...] = ()

    def about(self, settings: Mapping[str, Any]) -> bool:
        """Whether a row with these ``settings``, of whatever head, is the method that the table measured. They tell the
        head, for no two have the same streams; it may be one that the table has no number of."""
        changed = tuple(self.settings.items())
        known = (_published(head, protocol, changed) for head in _heads(settings) for protocol in self.protocols)
        return any(_method(settings) == one for one in known)

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


def _method(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in PACE}


def _heads(settings: Mapping[str, Any]) -> list[str]:
    return _with(frozenset(settings), tuple((key, settings[key]) for key in ("loss", "miner") if key in settings))


@cache
def _with(names: frozenset[str], parts: tuple[tuple[str, str], ...]) -> list[str]:
    """The heads whose settings have these ``names`` when their loss and miner are ``parts``."""
    return [head for head in plugins.names("heads.models") if _fields(head, dict(parts)) == names]


def _fields(head: str, values: dict[str, Any]) -> set[str]:
    return fields(plugins.load("heads.models", head, "Model"), values)


@cache
def _published(head: str, protocol: str, changed: tuple[tuple[str, str | int | float], ...]) -> dict[str, Any]:
    """The method of a table's row: the head's own config, with ``changed`` where the head has such settings."""
    known = _fields(head, {})
    return _method(cell(head, protocol, {key: value for key, value in changed if key in known}).settings)
