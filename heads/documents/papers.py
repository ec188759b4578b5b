"""Published numbers, in heads/configs/papers.toml, and which rows they may stand beside."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cache import config, plugins
from cache.config import Settings
from heads.experiments.grid import cell
from heads.learning.training import fields
from heads.protocol import Protocol, find

PAPERS = Path(__file__).parent.parent / "configs" / "papers.toml"
PACE = frozenset({"lr", "step", "gamma", "epochs", "patience"})
"""Settings that are not the method: how fast and how long it is trained, which the papers chose for backbones trained
end to end; nor are ``Protocol.measuring``, how finely it is measured. A published number stands only beside a row that
has all others as in the head's own config."""


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
        changed = tuple(self.settings.items())
        heads = _heads(settings, self.protocols[0])
        known = (_published(head, protocol, changed) for head in heads for protocol in self.protocols)
        return any(_method(settings, self.protocols[0]) == one for one in known)

    def value(self, head: str, column: str) -> float | None:
        """The fraction in the column of a protocol or an average, None where the table has none."""
        if column in self.protocols:
            found = self.heads.get(head, ())[self.protocols.index(column) :][:1]
        else:
            found = tuple(one.heads[head] for one in self.averages if one.name == column and head in one.heads)
        return round(found[0] / 100, 6) if found else None


class Papers(Settings):
    """Every published table there is."""

    tables: tuple[PaperTable, ...]


def read() -> Papers:
    """Raises: ConfigError."""
    return config.load(PAPERS, Papers)


def published(
    papers: Papers, dataset: str, head: str, protocol: Protocol, settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    """``{metric: fraction, "source": ..., "dataset": ..., "remark": ...}``, or None where nothing is published of such
    a row. dataset: that the row was measured on; a number of another one's people is none to compare with."""
    for table in (one for one in papers.tables if one.dataset == dataset):
        value = table.value(head, protocol.name)
        if value is not None and table.about(settings):
            told = {"source": table.source, "dataset": table.dataset, "remark": table.remark}
            return {table.metric: value, **told}
    return None


def _method(settings: Mapping[str, Any], word: str) -> dict[str, Any]:
    """word: of the protocol."""
    pace = PACE | _protocol(word).measuring
    return {key: value for key, value in settings.items() if key not in pace}


def _heads(settings: Mapping[str, Any], word: str) -> list[str]:
    parts = tuple((key, settings[key]) for key in ("loss", "miner") if key in settings)
    return _with(frozenset(settings), parts, word)


@cache
def _protocol(word: str) -> Protocol:
    """The published one, by the protocol's own mapping."""
    return find(word)


@cache
def _with(names: frozenset[str], parts: tuple[tuple[str, str], ...], word: str) -> list[str]:
    """The heads whose settings have these ``names`` when their loss and miner are ``parts``."""
    return [head for head in plugins.shipped("heads.models") if _fields(head, dict(parts), word) == names]


def _fields(head: str, values: dict[str, Any], word: str) -> set[str]:
    return fields(plugins.load("heads.models", head, "Model"), type(_protocol(word)), values)


@cache
def _published(head: str, protocol: str, changed: tuple[tuple[str, str | int | float], ...]) -> dict[str, Any]:
    """The method of a table's row: the head's own config, with ``changed`` where the head has such settings."""
    known = _fields(head, {}, protocol)
    wanted = {key: value for key, value in changed if key in known}
    return _method(cell(head, _protocol(protocol), wanted).settings, protocol)
