"""A training as CSV, ``<run>/<row>.log.csv`` beside its checkpoint: a line for each epoch and seed.

Written as the training goes, so that a killed run keeps the epochs that it had. Nothing depends on it.
"""

import csv
import io
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from cache.errors import StoreError
from cache.files import make_folder, remove
from heads.learning.epoch import Epoch

COLUMNS = ("epoch", "seed", "loss")
"""Then ``loss_<term>`` of each of the head's, then MORE."""
MORE = ("validation", "learning_rate", "running", "seconds")


def path_of(folder: Path, name: str) -> Path:
    """The log of the row ``name`` in the run ``folder``."""
    return folder / f"{name}.log.csv"


def forget(folder: Path, name: str) -> None:
    """Before a row is trained: an older log is of another training. Raises: StoreError."""
    remove(path_of(folder, name))


class Log:
    """The logs of rows that are trained into ``folder``; their time is counted from now."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.start = folder, time.monotonic()
        self._terms: dict[str, tuple[str, ...]] = {}

    def write(self, name: str, epoch: Epoch) -> None:
        """An epoch of the row ``name``, all its lines in one write. Raises: StoreError when it cannot be written."""
        if (told := epoch.descent) is None:
            return
        lines: list[Sequence[object]] = []
        if name not in self._terms:
            self._terms[name] = tuple(told.terms)
            lines.append((*COLUMNS, *(f"loss_{term}" for term in told.terms), *MORE))
        seconds = round(time.monotonic() - self.start, 3)
        for place, seed in enumerate(told.seeds):
            terms = [f"{told.terms[term][place]:.9g}" for term in self._terms[name]]
            score, rate = f"{epoch.validation[place]:.9g}", f"{told.rate[place]:.9g}"
            ends = score, rate, int(epoch.going[place]), seconds
            lines.append((epoch.number, seed, f"{epoch.loss[place]:.9g}", *terms, *ends))
        self._append(path_of(self.folder, name), lines)

    def _append(self, path: Path, lines: Iterable[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        make_folder(path.parent)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            try:
                os.write(file, text.getvalue().encode())
            finally:
                os.close(file)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror}. Mend it, or train without LOG") from None
