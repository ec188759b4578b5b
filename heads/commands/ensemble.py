"""``ensemble``: several trained rows as one, nothing trained again."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cache.errors import ConfigError
from heads.commands import _words

HELP = "several trained rows as one, nothing trained again"


def add(command: argparse.ArgumentParser) -> None:
    """Its words."""
    command.add_argument("rows", nargs="+", metavar="RUN/ROW", help="each row's folder in --runs, and its name")
    command.add_argument("--how", choices=("average", "maximum"), default="average", help="of shares and dimensions")
    command.add_argument("--votes", default="", help="a number for each row, as in 2,2,1; by default all the same")
    command.add_argument("--out", default="ensemble", help="the folder of --runs that ensemble.json goes to")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the results")
    command.add_argument("--store", type=Path, default=Path("store"), help="folder of the cached features")
    _words.mapping(command)
    _words.arithmetic(command)


def run(words: argparse.Namespace) -> None:
    """Raises: every AffectError of reading and writing."""
    from cache.files import make_folder, replace_text
    from cache.store import Store
    from heads.experiments.ensemble import ensemble, save
    from heads.experiments.finished import checkpoint_of
    from heads.experiments.runs import folder_name

    target = words.runs / folder_name(words.out) / "ensemble.json"
    votes = _votes(words.rows, words.votes, words.how)
    paths = {}
    for row in words.rows:
        run, _, name = row.rpartition("/")
        for part in [*run.split("/"), name]:
            folder_name(part)
        paths[row] = checkpoint_of(words.runs / run, name)
    _words.threads(words)
    found = ensemble(paths, Store(words.store), words.how, votes, words.mapping, words.device)
    told = found.document(words.how, votes)
    print(f"{words.how} of {', '.join(f'{row} x {vote:g}' for row, vote in votes.items())}: {found.people} people")
    for name, one in told["metrics"].items():
        scale, unit = one["scale"], one["unit"]
        mean, low, high = (scale * value for value in (one["mean"], *one["ci95"]))
        print(f"{name} {mean:.2f} {unit} [{low:.2f}, {high:.2f}]")
        for row, apart in told["apart"].items():
            if apart.get(name):
                more, least, most = (scale * value for value in (apart[name]["mean"], *apart[name]["ci95"]))
                print(f"  minus {row}: {more:+.2f} [{least:+.2f}, {most:+.2f}]")
    make_folder(target.parent)
    replace_text(target, json.dumps(told, indent=1, allow_nan=False) + "\n")
    save(target.with_suffix(".safetensors"), found, paths, words.how, votes)
    print(f"written to {target}")


def _votes(rows: Sequence[str], told: str, how: str) -> Mapping[str, float]:
    """Raises: ConfigError."""
    if len(rows) < 2 or len(set(rows)) < len(rows):
        raise ConfigError(f"rows {', '.join(rows)}: an ensemble has two at least, each once")
    if not told:
        return dict.fromkeys(rows, 1.0)
    if how == "maximum":
        raise ConfigError(f"votes {told}: a maximum has none. Leave VOTES out, or take HOW=average")
    try:
        values = [float(word) for word in told.replace(",", " ").split()]
    except ValueError:
        values = []
    if len(values) != len(rows) or not all(0 < value < float("inf") for value in values):
        raise ConfigError(f"votes {told!r}: give a number above 0 for each of the {len(rows)} rows, as in 2,2,1")
    return dict(zip(rows, values, strict=True))
