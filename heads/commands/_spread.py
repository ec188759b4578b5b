"""A grid's trainings spread over Dask's workers: each writes its finished cells into the run's folder, which all share;
the command then reads them as those of a run that went on."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from cache import plugin_folders, workers
from cache.store import Store
from cache.workers import Cluster
from heads.experiments import finished
from heads.experiments.bench import prepare
from heads.experiments.cell import Cell
from heads.experiments.finished import Finished
from heads.experiments.grid import cell, groups
from heads.experiments.place import Place
from heads.experiments.rows import Rows
from heads.known_protocols import find
from heads.protocol import Protocol

Told = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """Cells of one table that train as one model. cells: each one's head, settings and name, which travel better than
    classes made on the spot."""

    protocol: str
    folder: Path
    others: tuple[Path, ...]
    cells: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Ahead:
    """A table that is to be trained. possible: its cells that can be."""

    protocol: Protocol
    possible: Sequence[Cell]
    folder: Path
    others: Sequence[Path]


def spread(place: Place, tables: Sequence[Ahead], cluster: Cluster, told: Told) -> int:
    """Train what is not finished, with the threads that are set here. Returns how many cells were trained.

    Cells of several tables that are one training go to one worker, one after the other, so that it is done once. A cell
    that cannot be trained is left to the caller, who meets the same fault. Raises: AffectError of any kind; what is
    finished stays.
    """
    from distributed import as_completed

    store, mapping = Store(place.store.root.absolute()), place.mapping.absolute() if place.mapping else None
    place = replace(place, store=store, runs=place.runs.absolute(), mapping=mapping)
    chains = _chains(place, tables)
    if not chains:
        return 0
    total, done = sum(len(part.cells) for chain in chains for part in chain), 0
    given = {"place": place, "threads": torch.get_num_threads(), "plugins": plugin_folders.absolute()}
    with cluster.client() as client:
        resources = cluster.resources(client, place.device)
        futures = client.map(_train, chains, **given, pure=False, resources=resources)
        try:
            for future in as_completed(futures):
                for line in workers.result(future, "training"):
                    done += 1
                    told(f"{line} ({done} of {total})")
        finally:
            client.cancel(futures)
    return done


def _chains(place: Place, tables: Sequence[Ahead]) -> list[tuple[Part, ...]]:
    """Each worker's work: what waits for what is in one chain; the largest first."""
    found: dict[str, list[Part]] = {}
    for table in tables:
        for group, training in _unfinished(place, table):
            cells = tuple((one.head, json.dumps(one.settings), one.name) for one in group)
            others = tuple(one.absolute() for one in table.others)
            part = Part(table.protocol.name, table.folder.absolute(), others, cells)
            found.setdefault(training, []).append(part)
    chains = [tuple(parts) for parts in found.values()]
    return sorted(chains, key=lambda chain: -sum(len(part.cells) for part in chain))


def _unfinished(place: Place, table: Ahead) -> Iterator[tuple[list[Cell], str]]:
    """The groups of cells that are to be trained, and what tells their training from others."""
    bench = prepare(place.store, place.dataset, table.protocol, table.possible, place.device)
    about = {one.name: finished.identity(bench, one, place.seeds) for one in table.possible}
    todo = [one for one in table.possible if not finished.read(table.folder, one, about[one.name])]
    for group in groups(todo, place.seeds):
        first = about[group[0].name]
        yield group, f"{first['head']} {first['training']} {[one.name for one in group]}"


def _train(chain: Sequence[Part], place: Place, threads: int, plugins: str) -> list[str]:
    """In a worker's process. Returns a line for each cell."""
    plugin_folders.use(plugins)
    torch.set_num_threads(threads)
    return [line for part in chain for line in _part(part, place)]


def _part(part: Part, place: Place) -> Iterator[str]:
    protocol = find(part.protocol, place.mapping)
    cells = [cell(head, protocol, json.loads(settings), name) for head, settings, name in part.cells]
    bench = prepare(place.store, place.dataset, protocol, cells, place.device)
    for one, ended in Rows(place, bench, part.folder, _ignore, part.others).ended(cells):
        if isinstance(ended, Finished):
            yield f"{part.protocol} {one.name}: {ended.row['seconds']:.1f} s"
        else:
            yield f"{part.protocol} {one.name}: {ended.reason}"


def _ignore(_: Cell, __: object) -> None:
    """Nobody watches in a worker; what is trained is told when it comes back."""
