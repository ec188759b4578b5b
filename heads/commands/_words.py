"""What the words of the command line share."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cache.errors import ConfigError, UnknownName
from cache.store import Store
from heads.experiments.place import SEEDS

MOST_THREADS = 1024


def dataset(command: argparse.ArgumentParser) -> None:
    """``--dataset``, ``--store``."""
    command.add_argument("--dataset", default="demo")
    command.add_argument("--store", type=Path, default=Path("store"), help="folder of the cached features")


def runs(command: argparse.ArgumentParser) -> None:
    """``--runs``, ``--name``."""
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the results")
    command.add_argument("--name", help="the run's folder in it")


def mapping(command: argparse.ArgumentParser) -> None:
    """``--mapping``."""
    command.add_argument("--mapping", type=Path, help="a TOML that says how labels become targets")


def arithmetic(command: argparse.ArgumentParser) -> None:
    """``--device``, ``--threads``."""
    command.add_argument("--device", default="cpu", help="cpu or cuda")
    command.add_argument("--threads", type=int, default=2, help="of the arithmetic; fixed, so that runs repeat")


def training(command: argparse.ArgumentParser) -> None:
    """``--seeds``, ``--set``, and all of the above."""
    dataset(command)
    runs(command)
    trained(command)
    mapping(command)
    arithmetic(command)


def trained(command: argparse.ArgumentParser) -> None:
    """``--seeds``, ``--set``."""
    command.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds, trained together (0, 1, ...)")
    command.add_argument("--set", default="", help='settings, as in "lr=1e-3 epochs=40"')


def log(command: argparse.ArgumentParser) -> None:
    """``--log``."""
    command.add_argument("--log", action="store_true", help="write each epoch to <run>/<row>.log.csv")


def head(command: argparse.ArgumentParser, which: str) -> None:
    """``--head``, ``--protocol``. which: what the head is to the command."""
    command.add_argument("--head", default="sem_ib_dml", help=which)
    command.add_argument("--protocol", default="", help="its word; by default the one that the head is meant for")


def protocol(words: argparse.Namespace) -> Any:
    """The protocol that was asked for, else the head's usual one. Raises: UnknownName, ConfigError."""
    from heads.experiments.grid import usual_protocol
    from heads.known_protocols import find

    if words.protocol:
        return find(words.protocol, words.mapping)
    usual = usual_protocol(words.head)
    try:
        return find(usual, words.mapping)
    except UnknownName as error:
        told = f"head {words.head} is meant for {usual}, which MAPPING={words.mapping} does not have"
        raise ConfigError(f"{told}. Give PROTOCOL.{str(error).partition('.')[2]}") from None


def place(words: argparse.Namespace) -> Any:
    """Where to read and write; sets the number of threads. Raises: ConfigError."""
    from heads.experiments.place import Place
    from heads.experiments.runs import folder_name

    threads(words)
    store = Store(words.store)
    store.folder(folder_name(words.dataset, "dataset"))
    log = getattr(words, "log", False)
    return Place(store, words.dataset, words.runs, words.mapping, words.seeds, words.device, log)


def threads(words: argparse.Namespace) -> None:
    """Sets the number of threads, since another one rounds differently: other tables. Raises: ConfigError."""
    import torch

    if not 1 <= words.threads <= MOST_THREADS:
        raise ConfigError(f"--threads {words.threads}: must be from 1 to {MOST_THREADS}")
    torch.set_num_threads(words.threads)


def changes(words: argparse.Namespace) -> str:
    """What MAPPING, SEEDS and SET change, as part of a folder's name."""
    from heads.experiments.runs import changed, changes

    return changes(words.mapping, changed(words.seeds, words.set))


def lacking_logs(words: argparse.Namespace, tables: Mapping[Path, Mapping[str, Any]]) -> list[str]:
    """A line for the rows of each table that have no log though one was asked for. tables: folder -> results.json."""
    from heads.experiments import log

    found = []
    for folder, results in tables.items() if words.log else ():
        rows = [one["name"] for one in results["rows"] if one["history"] and one["history"]["loss"]]
        if names := [name for name in rows if not log.path_of(folder, name).is_file()]:
            cure = f"Another NAME trains them anew, and so does removing {folder / 'cells' / names[0]}.json"
            found.append(f"no log of {', '.join(names)} in {folder}: trained before, without LOG. {cure}")
    return found


def show(tables: dict[Path, dict[str, Any]]) -> None:
    """Print each table and where it is."""
    from heads.tables.results import markdown

    for folder, results in tables.items():
        print(markdown(results))
        print(f"written to {folder}")
