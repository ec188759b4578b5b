"""``python -m heads train|ablate|evaluate|compare|mapping|report``: words in, a table out.

Exit status 2 for what a user can mend.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from cache import config
from cache.errors import AffectError, ConfigError
from cache.fingerprint import fingerprint
from cache.store import Store

SEEDS = 5
MOST_THREADS = 1024


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other mistake."""
        raise ConfigError(f"{message}. See {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """Every command with its defaults."""
    top = _Parser(prog="python -m heads", description="Train small heads on cached features; print their table.")
    commands = top.add_subparsers(
        dest="command", required=True, metavar="train|ablate|evaluate|compare|mapping|report", parser_class=_Parser
    )
    for word, text in (("train", "train one head"), ("ablate", "train every head of a grid")):
        command = commands.add_parser(word, help=text, allow_abbrev=False)
        _shared(command)
        command.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds, trained together (0, 1, ...)")
        command.add_argument("--set", default="", help='settings, as in "lr=1e-3 epochs=40"')
        _scoring(command)
        if word == "train":
            command.add_argument("--head", default="sem_ib_dml", help="a file of heads/models")
            command.add_argument("--protocol", default="cat-6:6", help="cat-6:6, lev-7:3-valence, ...")
        else:
            command.add_argument("--grid", default="demo", help="a file of heads/configs/grids, or the path of one")
    command = commands.add_parser("evaluate", help="score a trained head again", allow_abbrev=False)
    _shared(command)
    command.add_argument("--head", default="sem_ib_dml", help="which of the run's checkpoints")
    command.add_argument("--protocol", default="cat-6:6", help="what it was trained under; names the run, too")
    _scoring(command)
    command.set_defaults(seeds=SEEDS)
    command = commands.add_parser("compare", help="two trained rows over the same episodes", allow_abbrev=False)
    command.add_argument("rows", nargs=2, metavar="RUN/ROW", help="the row's folder in --runs, and its name")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the results")
    command = commands.add_parser("mapping", help="people of each class, beside the published", allow_abbrev=False)
    command.add_argument("--dataset", default="demo")
    command.add_argument("--store", type=Path, default=Path("store"), help="folder of the cached features")
    command.add_argument("--mapping", type=Path, help="another one_shot.toml")
    command = commands.add_parser("report", help="print a finished run's table, write its page", allow_abbrev=False)
    command.add_argument("--run", "--name", dest="name", default="demo", help="the run's folder in --runs")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the results")
    command.add_argument("--heads", default="", help="whose embeddings to draw; default: the first and the best")
    _scoring(command)
    return top


def _shared(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dataset", default="demo")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the results")
    command.add_argument("--name", help="the run's folder in it")


def _scoring(command: argparse.ArgumentParser) -> None:
    command.add_argument("--store", type=Path, default=Path("store"), help="folder of the cached features")
    command.add_argument("--device", default="cpu", help="cpu or cuda")
    command.add_argument("--threads", type=int, default=2, help="of the arithmetic; fixed, so that runs repeat")
    command.add_argument("--mapping", type=Path, help="another one_shot.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, 2 for an error that one line explains, 130 for an interrupt, 141 without a reader."""
    try:
        words = parser().parse_args(arguments)
        _COMMANDS[words.command](words)
        sys.stdout.flush()
    except AffectError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: finished cells are kept, the one in work is not", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit must not complain again
        return 141
    except (MemoryError, RuntimeError) as error:
        from heads.failure import MEMORY, reason_of

        if reason_of(error) != MEMORY:
            raise
        cure = "Make sizes, batch or episodes in SET smaller, or SEEDS fewer"
        print(f"error: not enough memory: {' '.join(str(error).split())[:160]}. {cure}", file=sys.stderr)
        return 2
    return 0


def _train(words: argparse.Namespace) -> None:
    from heads import ablate, runs
    from heads.progress import Progress

    place = _place(words)
    cell = ablate.cell(words.head, words.protocol, config.assignments(words.set))
    name = runs.trained(words.dataset, words.protocol, words.head) + _changes(words)
    name = runs.folder_name(words.name or name)
    folder = place.runs / name
    _show({folder: ablate.table(place, words.protocol, [cell], folder, Progress(sys.stderr))})


def _ablate(words: argparse.Namespace) -> None:
    from heads import ablate, matrix_tables, runs
    from heads.progress import Progress

    place, grid = _place(words), ablate.read_grid(words.grid)
    known = _grid_name(words.grid, grid)
    name = runs.folder_name(
        words.name or (known if known == words.dataset else f"{words.dataset}-{known}") + _changes(words)
    )
    found = ablate.ablate(place, grid, config.assignments(words.set), name, Progress(sys.stderr))
    if found.summary:
        print(matrix_tables.markdown(found.summary))
        print(f"written to {found.root}")
    else:
        _show(dict(found.tables))
    if found.reused:
        print(f"reused {found.reused} of {found.wanted} cells, which were finished before")


def _grid_name(word: str, grid: Any) -> str:
    """A shipped grid's word; of a file, its stem and 8 digits of its content, so that two do not share a folder."""
    path = Path(word)
    return word if path.suffix != ".toml" else f"{path.stem}-{fingerprint(json.loads(grid.model_dump_json()))[:8]}"


def _evaluate(words: argparse.Namespace) -> None:
    from heads import evaluate, runs

    place = _place(words)
    path = runs.checkpoint(words.runs, words.dataset, words.protocol, words.head, words.name, words.mapping)
    print(f"checkpoint {path}: {words.dataset} {words.protocol}")
    found = evaluate.evaluate(path, place.store, place.rules, words.device)
    for name, score in found.metrics.items():
        low, high = score["ci95"]
        print(f"{name} {100 * score['mean']:.2f} % [{100 * low:.2f}, {100 * high:.2f}]")
    if untrained := found.checkpoint.about["untrained"]:
        print(f"UNTRAINED features: {', '.join(untrained)}. Numbers made from them are no results.")
    target = path.with_suffix(".predictions.csv")
    evaluate.write(target, found)
    print(f"written to {target}")


def _compare(words: argparse.Namespace) -> None:
    from heads import finished

    first, second = (_row(word) for word in words.rows)
    for name, apart in finished.compare(words.runs, first, second).items():
        low, high = (100 * bound for bound in apart["ci95"])
        print(f"{name}: {first} minus {second}: {100 * apart['mean']:+.2f} points [{low:+.2f}, {high:+.2f}]")


def _row(word: str) -> str:
    """``word`` when it is a run's folder, with that of a protocol where it has several, and a row."""
    from heads import runs

    folders, _, row = word.rpartition("/")
    if not folders or not row:
        raise ConfigError(f"row {word!r}: give two rows, each as RUN/ROW, as in demo/ib_dml and demo/sem_ib_dml")
    for part in [*folders.split("/"), row]:
        runs.folder_name(part)
    return word


def _mapping(words: argparse.Namespace) -> None:
    from heads import mapping
    from heads.protocols import one_shot

    rules = one_shot.read_rules(words.mapping or one_shot.MAPPING)
    print(mapping.text(Store(words.store).manifest(words.dataset), rules))


def _report(words: argparse.Namespace) -> None:
    from heads import matrix_tables, report, runs
    from heads.page import material, page

    root = words.runs.joinpath(*(runs.folder_name(part) for part in words.name.split("/")))
    tables = material.finished(root)
    summary = None if root in tables else report.read_summary(root)
    _show(tables)
    if summary:
        print(matrix_tables.markdown(summary))
    place = material.Place(Store(words.store), _rules(words), words.device)
    for folder, results in tables.items():
        found = material.gather(folder, results, place, words.heads.split(), lambda what: print(what, file=sys.stderr))
        for line in found.left_out:
            print(f"left out of the page: {line}", file=sys.stderr)
        print(f"page {page.write(folder, page.html(found))}")
    if root not in tables:
        print(f"page {page.write(root, page.overview_html(words.name, tables, summary))}")


def _place(words: argparse.Namespace) -> Any:
    from heads import runs
    from heads.ablate import Place

    rules = _rules(words)
    store = Store(words.store)
    store.folder(runs.folder_name(words.dataset, "dataset"))
    return Place(store, words.dataset, words.runs, rules, words.seeds, words.device)


def _rules(words: argparse.Namespace) -> Any:
    """The mapping of labels; sets the number of threads, since another one rounds differently: other tables."""
    import torch

    from heads.protocols import one_shot

    if not 1 <= words.threads <= MOST_THREADS:
        raise ConfigError(f"--threads {words.threads}: must be from 1 to {MOST_THREADS}")
    torch.set_num_threads(words.threads)
    return one_shot.read_rules(words.mapping or one_shot.MAPPING)


def _changes(words: argparse.Namespace) -> str:
    """What MAPPING, SEEDS and SET change, as part of a folder's name."""
    from heads import runs

    seeds = [] if words.seeds == SEEDS else [f"seeds={words.seeds}"]
    return runs.changes(words.mapping, [*seeds, *words.set.split()])


def _show(tables: dict[Path, dict[str, Any]]) -> None:
    from heads.tables import markdown

    for folder, results in tables.items():
        print(markdown(results))
        print(f"written to {folder}")


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "train": _train,
    "ablate": _ablate,
    "evaluate": _evaluate,
    "compare": _compare,
    "mapping": _mapping,
    "report": _report,
}
