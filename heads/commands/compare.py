"""``compare``: two trained rows over the same people and resamples."""

import argparse
from pathlib import Path

from cache.errors import ConfigError

HELP = "two trained rows over the same people and resamples"


def add(command: argparse.ArgumentParser) -> None:
    """Its words."""
    command.add_argument("rows", nargs=2, metavar="RUN/ROW", help="the row's folder in --runs, and its name")
    command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the results")


def run(words: argparse.Namespace) -> None:
    """Raises: StoreError, ConfigError."""
    from heads.experiments import finished

    first, second = (_row(word, words.runs) for word in words.rows)
    for name, apart in finished.compare(words.runs, first, second).items():
        points = " points" if apart["unit"] == "%" else ""
        mean, low, high = (apart["scale"] * value for value in (apart["mean"], *apart["ci95"]))
        print(f"{name}: {first} minus {second}: {mean:+.2f}{points} [{low:+.2f}, {high:+.2f}]")


def _row(word: str, root: Path) -> str:
    """``word`` as a run's folder, with that of a protocol where it has several, and a row. It may also be the path of
    the row's checkpoint, with the folder of the runs, ``root``, in front and its suffix."""
    from heads.experiments import runs

    word = word.removesuffix(".safetensors")
    if Path(word).is_relative_to(root) and (root.is_absolute() or not (root / word).parent.is_dir()):
        word = Path(word).relative_to(root).as_posix()
    folders, _, row = word.rpartition("/")
    if not folders or not row:
        raise ConfigError(f"row {word!r}: give two rows, each as RUN/ROW, as in demo/ib_dml and demo/sem_ib_dml")
    for part in [*folders.split("/"), row]:
        runs.folder_name(part)
    return word
