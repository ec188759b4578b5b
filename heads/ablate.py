"""Grids: heads x protocols x settings, each protocol one table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from cache import config, plugins
from cache.config import Settings
from cache.errors import ConfigError, unknown
from cache.store import Store
from heads import report
from heads.experiment import Cell, Result, prepare, run
from heads.protocols import one_shot
from heads.runs import slug
from heads.train import Epoch
from heads.training import recipe

Watch = Callable[[Cell, Epoch | Result], None]


class Grid(Settings):
    """settings: each table overrides the heads' own configs; one row of the result for each head and table."""

    heads: tuple[str, ...] = Field(min_length=1)
    protocols: tuple[str, ...] = Field(min_length=1)
    settings: tuple[dict[str, Any], ...] = Field(({},), min_length=1)


MOST_SEEDS = 100


@dataclass(frozen=True)
class Place:
    """Where an experiment reads and writes. rules: the mapping of labels. seeds: how many, from 0 on."""

    store: Store
    dataset: str
    runs: Path
    rules: one_shot.Rules
    seeds: int = 5
    device: str = "cpu"


def read_grid(word: str) -> Grid:
    """A grid by the name of its file in heads/configs/grids, or by the path of a TOML file.

    Raises: UnknownName with the nearest name, ConfigError.
    """
    known = plugins.configs("heads", "configs/grids")
    if word.endswith(".toml"):
        return config.load(Path(word), Grid)
    if word not in known:
        raise unknown("grid", word, known)
    return config.load(known[word], Grid)


def cell(head: str, protocol: str, overrides: dict[str, Any], name: str | None = None) -> Cell:
    """A head with its own config (heads/configs/<head>.toml), the protocol's part of it, then ``overrides``.

    Raises: UnknownName for another head; ConfigError with every wrong setting.
    """
    model = plugins.load("heads.models", head, "Model")
    path = plugins.configs("heads").get(head)
    values = config.read_toml(path) if path else {}
    special = values.pop("protocols", {})
    for word in special:
        values |= special[word] if protocol == word or protocol.startswith(f"{word}-") else {}
    return Cell(head, recipe(model, values | overrides, f"settings of {head}"), name or head)


def cells(grid: Grid, protocol: str, overrides: dict[str, Any]) -> list[Cell]:
    """Every head with every table of settings; several tables number the names: ``i_dml-1``, ``i_dml-2``.

    A setting goes to the heads that have it. Raises: ConfigError for one that no head of the grid has.
    """
    many = len(grid.settings) > 1
    has = {head: set(type(cell(head, protocol, {}).recipe).model_fields) for head in grid.heads}
    known = set().union(*has.values())
    return [
        cell(head, protocol, {key: values[key] for key in values if key in has[head] or key not in known}, name)
        for head in grid.heads
        for number, settings in enumerate(grid.settings, 1)
        for values, name in [(settings | overrides, f"{head}-{number}" if many else head)]
    ]


def table(place: Place, protocol: str, wanted: Sequence[Cell], folder: Path, watch: Watch) -> dict[str, Any]:
    """Train the cells under one protocol and write ``folder``. Returns what results.json holds.

    Raises: every AffectError of reading, training and writing.
    """
    if not 1 <= place.seeds <= MOST_SEEDS:
        raise ConfigError(f"SEEDS={place.seeds}: from 1 to {MOST_SEEDS}; all of them train together, in memory")
    bench = prepare(place.store, place.dataset, protocol, place.rules, wanted, place.device)
    results = []
    for one in wanted:
        result = run(bench, one, range(place.seeds), folder, lambda epoch, one=one: watch(one, epoch))  # type: ignore[misc]
        watch(one, result)
        results.append(result)
    document = report.document(bench, results)
    report.write(folder, document)
    return document


def ablate(place: Place, grid: Grid, overrides: dict[str, Any], name: str, watch: Watch) -> dict[Path, dict[str, Any]]:
    """Every table of a grid. One protocol is written to runs/<name>, several to runs/<name>/<protocol>.

    All settings are checked before anything is trained. Returns what each folder's results.json holds.
    """
    planned = {protocol: cells(grid, protocol, overrides) for protocol in grid.protocols}
    root = place.runs / name
    folders = {protocol: root / slug(protocol) if len(planned) > 1 else root for protocol in planned}
    return {
        folders[protocol]: table(place, protocol, wanted, folders[protocol], watch)
        for protocol, wanted in planned.items()
    }
