"""Grids: heads x protocols x settings, as a small TOML."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, PrivateAttr

from cache import config, plugins
from cache.config import Settings
from cache.errors import ConfigError, UnknownName, unknown
from heads.checkpoints.checkpoint import ENSEMBLE
from heads.experiments.cell import Cell
from heads.experiments.ensemble_cell import Joining
from heads.experiments.runs import folder_name
from heads.head import Head
from heads.known_protocols import check_head
from heads.learning.together import apart, trainings
from heads.learning.training import fields, recipe
from heads.protocol import Protocol

PROTOCOL = "protocol"
"""The word in a head's config that names the protocol it is meant for."""

NAME = "name"
"""The word in a table of settings that names its rows instead of setting something."""

FOR = "for"
"""The word in a table of settings that names the heads it is for; without it, it is for all."""

LONGEST_NAME = 100
"""Bytes of UTF-8 of a row's name; a suffix and a temporary file's prefix are added to it."""

MOST_MODELS = 30
"""Of one batch. For memory: weights, their squares, the best epoch's and the embedding of 2,048 people are 65 MiB for
a model of ``sem_ib_dml`` on vectors of 2,048, so 2 GB. For a kill, which loses the rows in training. A step's time is
nearly in proportion to the models before that, so a larger batch saves little more."""


MOST_KEPT = 90
"""Best weights that the cells of one batch keep, several of which may be one training: a third of a model's memory."""

Part = TypeVar("Part")


class Grid(Settings):
    """settings: each table overrides the heads' own configs; one row of the result for each head and table, called
    ``<head>-<name>``, or ``<head>`` for the table without a name. A head that a table does not change has one row. A
    table with ``for = ["fusion"]`` is for those heads alone.
    reference: the row that all others are compared with, resample by resample. ensembles: rows made of others.
    """

    heads: tuple[str, ...] = Field(min_length=1)
    protocols: tuple[str, ...] = Field(min_length=1)
    settings: tuple[dict[str, Any], ...] = Field(({},), min_length=1)
    reference: str | None = None
    ensembles: tuple[Joining, ...] = ()
    _where: str = PrivateAttr("grid")

    @contextmanager
    def named(self, overrides: Mapping[str, Any]) -> Iterator[None]:
        """Errors inside name the grid's file, and SET where that changes it too."""
        try:
            yield
        except (ConfigError, UnknownName) as error:
            where = self._where + (" with SET" if overrides and str(error).startswith("settings of") else "")
            raise type(error)(f"{where}: {str(error).removeprefix('grid: ')}") from None


def read_grid(word: str) -> Grid:
    """A grid by the name of its file in heads/configs/grids, or by the path of a TOML file.

    Raises: UnknownName with the nearest name, ConfigError.
    """
    known = plugins.configs("heads", "configs/grids")
    if word not in known and not word.endswith(".toml"):
        raise unknown("grid", word, known)
    grid = config.load(known.get(word) or Path(word), Grid)
    grid._where = f"grid {word}"
    return grid


def cell(head: str, protocol: Protocol, overrides: dict[str, Any], name: str | None = None) -> Cell:
    """A head with its own config (heads/configs/<head>.toml), the protocol's parts of it, then ``overrides``. A part is
    ``[protocols."word other"]``, of the protocols with those words or more behind a dash.

    Raises: UnknownName for another head; ConfigError with every wrong setting, and for a head that does not go with the
    protocol.
    """
    model = _model(head)
    check_head(head, model.learns, model.gives, protocol)
    return _cell(head, protocol, overrides, name)


def _cell(head: str, protocol: Protocol, overrides: dict[str, Any], name: str | None = None) -> Cell:
    """``cell`` of a head that may not go with the protocol."""
    model, values = _model(head), _config(head)
    values.pop(PROTOCOL, None)
    special = values.pop("protocols", {})
    for words, part in special.items():
        meant = any(protocol.name == word or protocol.name.startswith(f"{word}-") for word in words.split())
        values |= part if meant else {}
    found = Cell(head, recipe(model, type(protocol), values | overrides, f"settings of {head}"), name or head)
    model.inputs_of(found.recipe)
    return found


def usual_protocol(row: str) -> str:
    """The word of the protocol that a head is meant for, from its config. row: the head's name, or that of one of its
    rows, ``<head>-<name>``. Raises: UnknownName; ConfigError for a head whose config names none."""
    head = folder_name(row, "head").partition("-")[0]
    if head == ENSEMBLE:
        raise ConfigError(f"head {row}: an ensemble has no protocol of its own. Give PROTOCOL")
    _model(head)
    if PROTOCOL not in (values := _config(head)):
        raise ConfigError(f"head {head}: heads/configs/{head}.toml names no protocol. Give PROTOCOL")
    return str(values[PROTOCOL])


def _model(head: str) -> type[Head]:
    model: type[Head] = plugins.load("heads.models", head, "Model")
    return model


def _config(head: str) -> dict[str, Any]:
    path = plugins.configs("heads").get(head)
    return config.read_toml(path) if path else {}


def cells(grid: Grid, protocol: Protocol, overrides: dict[str, Any], protocols: Sequence[Protocol] = ()) -> list[Cell]:
    """Every head with every table of settings; several tables without a name are numbered: ``i_dml-1``, ``i_dml-2``.

    A setting goes to the heads and the protocols that have it; in a table with ``for``, one of its heads must have it.
    A head may not go with the protocol (``check_head``). protocols: all of the grid. Raises: ConfigError for a setting
    that no head and no protocol of the grid has, for two rows of one name, for rows with other metrics, and for a
    reference that is no row.
    """
    kinds = list({type(other): other for other in (protocol, *protocols)}.values())
    tables = [_of_heads(grid, table) for table in grid.settings]
    known = [
        {key for head in heads for one in kinds for key in _fields(head, one, table | overrides)}
        for heads, table in tables
    ]
    anywhere = set[str]().union(*known)
    found: list[Cell] = []
    for head in grid.heads:
        mine = [(table, by) for (heads, table), by in zip(tables, known, strict=True) if head in heads]
        if not mine:
            raise ConfigError(f"grid: no table of settings is for {head}. Give it one, or leave the head out")
        for (name, settings), (table, by) in zip(_named(head, [table for table, _ in mine]), mine, strict=True):
            values = settings | overrides
            has = _fields(head, protocol, values)
            elsewhere = by | (anywhere & overrides.keys()) if FOR in table else anywhere
            kept = {key: values[key] for key in values if key in has or key not in elsewhere}
            one = _cell(head, protocol, kept, name)
            if all(one.head != other.head or one.settings != other.settings for other in found):
                found.append(one)
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"grid: two rows are called {twice}; give each table of settings another name = ")
    metrics = {tuple(protocol.metrics(one.recipe)): one.name for one in found}
    if len(metrics) > 1:
        told = "; ".join(f"{name} {', '.join(those)}" for those, name in metrics.items())
        raise ConfigError(f"grid: rows of one table have the same metrics, these have not: {told}")
    names += [one.row for one in grid.ensembles]
    if grid.reference not in (None, *names):
        raise unknown("row for reference in the grid:", str(grid.reference), names)
    return found


def groups(wanted: Sequence[Cell], seeds: int) -> list[list[Cell]]:
    """The cells that can train as one batched model, each once: of one head, apart only in numbers that may vary and in
    how they are judged.

    No group has more than MOST_MODELS models, ``seeds`` for each training, unless a training alone has, and its cells
    keep no more than MOST_KEPT best weights; larger ones are cut into parts of about equal size, cells of one training
    together. Cells and groups stay in their order otherwise.
    """
    found: list[list[Cell]] = []
    for one in wanted:
        home = next((mine for mine in found if _alike(mine[0], one)), None)
        if home is None:
            found.append(home := [])
        home.append(one)
    return [part for group in found for part in _parts(group, seeds)]


def _alike(one: Cell, other: Cell) -> bool:
    return one.head == other.head and not apart([one.recipe, other.recipe])


def _parts(group: list[Cell], seeds: int) -> list[list[Cell]]:
    """Whole trainings as long as they fit, then cut again where one has too many cells."""
    each = trainings([one.recipe for one in group])
    count = -(-len(each) // max(1, MOST_MODELS // seeds))
    found = []
    for part in _cut(each, count):
        cells = [group[place] for place in sorted(place for places in part for place in places)]
        found += _cut(cells, -(-len(cells) // max(1, MOST_KEPT // seeds)))
    return found


def _cut(whole: list[Part], count: int) -> list[list[Part]]:
    ends = [len(whole) * number // count for number in range(count + 1)]
    return [whole[start:end] for start, end in pairwise(ends)]


def _fields(head: str, protocol: Protocol, values: dict[str, Any]) -> set[str]:
    return fields(_model(head), type(protocol), values)


def _of_heads(grid: Grid, table: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The heads that a table is for, and the table. Raises: ConfigError, UnknownName for heads that the grid does not
    have."""
    heads = table.get(FOR, grid.heads)
    if not isinstance(heads, list | tuple) or not heads:
        raise ConfigError(f"grid: for = {heads!r}: it is a list of the grid's heads")
    for head in heads:
        if head not in grid.heads:
            raise unknown("head for = in the grid:", str(head), list(grid.heads))
    return tuple(heads), dict(table)


def _named(head: str, tables: Sequence[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    unnamed = sum(NAME not in table for table in tables)
    number = 0
    for table in tables:
        settings = {key: value for key, value in table.items() if key not in (NAME, FOR)}
        number += NAME not in table
        word = str(table[NAME]) if NAME in table else str(number) if unnamed > 1 else ""
        name = f"{head}-{word}" if word else head
        _check_name(name, word)
        yield name, settings


def _check_name(name: str, word: str) -> None:
    """name: of the row, by its table's ``word``. Raises: ConfigError when it cannot be a file's."""
    try:
        folder_name(word or name)
        folder_name(name)
        fits = len(name.encode()) <= LONGEST_NAME
    except ConfigError:
        fits = False
    if not fits:
        told = repr(word) if len(word) <= LONGEST_NAME else f"{word[:LONGEST_NAME]!r}..."
        rule = f"without / and leading dot, printable, and with the head's at most {LONGEST_NAME} bytes long"
        raise ConfigError(f"grid: name = {told}: it becomes a part of file names, so {rule}")
