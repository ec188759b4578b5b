"""``ablate``: every head of a grid under every protocol of it."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cache import config
from cache.errors import ConfigError, unknown
from cache.fingerprint import fingerprint
from cache.workers import EXECUTORS, Cluster
from heads.commands import _words

HELP = "train every head of a grid"


def add(command: argparse.ArgumentParser) -> None:
    """Its words."""
    _words.training(command)
    _words.log(command)
    command.add_argument("--grid", default="demo", help="a file of heads/configs/grids, or the path of one")
    command.add_argument("--executor", default="local", help="local, or dask: trainings are spread over its workers")
    command.add_argument("--scheduler", default="", help="address of a Dask cluster that runs already")
    command.add_argument("--workers", type=int, default=2, help="processes of a cluster of this machine")


def run(words: argparse.Namespace) -> None:
    """Raises: every AffectError of reading, training and writing."""
    from heads.commands._grids import ablate
    from heads.experiments import runs
    from heads.experiments.grid import read_grid
    from heads.experiments.progress import Progress
    from heads.tables import summary

    place, grid = _words.place(words), read_grid(words.grid)
    name = runs.folder_name(words.name or usual_name(words, grid))
    watch = Progress(sys.stderr)
    found = ablate(place, grid, config.assignments(words.set), name, watch, _trainers(words, place, watch))
    if found.summary:
        print(summary.markdown(found.summary))
        print(f"written to {found.root}")
    else:
        _words.show(dict(found.tables))
    if found.spread:
        print(f"{found.spread} cells were trained by Dask's workers")
    if before := found.reused - found.spread:
        print(f"reused {before} of {found.wanted} cells, which were finished before")
    for line in _words.lacking_logs(words, found.tables):
        print(line, file=sys.stderr)


def _trainers(words: argparse.Namespace, place: Any, watch: Any) -> Any:
    """Whoever trains beside this process; None for nobody. Raises: UnknownName, ConfigError."""
    from heads.commands._spread import spread

    if words.executor not in EXECUTORS:
        raise unknown("executor", words.executor, EXECUTORS)
    if words.executor == "local":
        return None
    if words.workers < 1:
        raise ConfigError(f"WORKERS={words.workers}: there must be at least 1")
    return lambda tables: spread(place, tables, Cluster(words.scheduler, words.workers), watch.told)


def usual_name(words: argparse.Namespace, grid: Any) -> str:
    """The run's folder where no name is given: another MAPPING, SEEDS or SET is another one."""
    known = _name(words.grid, grid)
    return (known if known == words.dataset else f"{words.dataset}-{known}") + _words.changes(words)


def _name(word: str, grid: Any) -> str:
    """A shipped grid's word; of a file, its stem and 8 digits of its content, so that two do not share a folder."""
    path = Path(word)
    if path.suffix != ".toml":
        return word
    content = grid.model_dump_json(exclude=set() if grid.ensembles else {"ensembles"})  # as before there were any
    return f"{path.stem}-{fingerprint(json.loads(content))[:8]}"
