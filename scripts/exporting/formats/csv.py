"""csv: people.csv, one row a person; a vector's numbers are columns, ``body.pooled.0``, ``body.pooled.1``, ...

A number is written with every digit of its value, so that it reads back equal in its own dtype and in any wider one.
"""

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from cache.errors import ConfigError
from cache.people import COORDINATES, DIMENSIONS
from scripts.exporting import form
from scripts.exporting.reading import Exported

BETWEEN = ";"
"""Labels, as in the tables that ``make extract DATASET=table`` reads."""
COLUMNS = ("key", "path", "split", "status", "labels", *DIMENSIONS, *COORDINATES, "missing")
_TOLD = f"""`people.csv` has one row a person. Labels are separated by `{BETWEEN}`; valence, arousal and dominance are 1
to 10 and `nan` where unknown; x1, y1, x2, y2 are pixels; `missing` is 1 where one of the features has no value. A
vector's numbers are the columns `<feature>.<array>.0`, `.1` and so on; read with the dtype below they are the stored
bits."""


class Form(form.Form):
    """One table."""

    told = _TOLD

    def check(self, asked: Exported) -> None:
        """Raises: ConfigError when an array is no vector, or a label cannot be told from two."""
        wide = [name for name, one in asked.arrays.items() if len(one.spec.shape) > 1]
        if wide:
            kept = [word for word, one in asked.people.features.items() if len(one.spec.shape) <= 1]
            shapes = ", ".join(f"{name} {asked.arrays[name].spec.shape}" for name in wide)
            cure = (
                f'FORMAT=npy or hf holds them; here name the vectors: STAGES="{" ".join(kept)}"'
                if kept
                else "FORMAT=npy"
            )
            raise ConfigError(f"FORMAT=csv: no columns for arrays that are no vectors: {shapes}. {cure}")
        check_labels(asked)

    def write(self, folder: Path, asked: Exported) -> None:
        """One part after the other."""
        write_rows(folder / "people.csv", asked, arrays=True)


def write_rows(path: Path, asked: Exported, arrays: bool) -> None:
    """people.csv, with the numbers of every array or without."""
    statuses = [f"{name}.status" for name in asked.features]
    numbers = [column for name, one in asked.arrays.items() for column in _columns(name, one.spec.shape)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *statuses, *(numbers if arrays else ())])
        for part in asked.parts():
            writer.writerows(_rows(part, arrays))


def check_labels(asked: Exported) -> None:
    """Raises: ConfigError for a label that holds what separates two."""
    if mixed := [name for name in asked.people.category_names if BETWEEN in name]:
        raise ConfigError(f"label {mixed[0]!r} holds a {BETWEEN}, which separates labels in people.csv. Use FORMAT=hf")


def _columns(name: str, shape: tuple[int, ...]) -> list[str]:
    return [f"{name}.{place}" for place in range(shape[0])] if shape else [name]


def _rows(part: Exported, arrays: bool) -> Iterator[list[Any]]:
    people = part.people
    labels = [BETWEEN.join(names) for names in people.labels]
    told = zip(people.keys, people.paths, people.splits, people.statuses, labels, strict=True)
    statuses = zip(*part.statuses().values(), strict=True) if part.features else ((),) * len(people)
    values = [one.numpy().reshape(len(people), -1).tolist() for one in part.arrays.values()] if arrays else []
    flags = people.missing.astype(int).tolist()
    columns = zip(told, people.vad.tolist(), people.boxes.tolist(), flags, statuses, strict=True)
    for row, (words, vad, box, missing, states) in enumerate(columns):
        yield [*words, *vad, *box, missing, *states, *chain.from_iterable(array[row] for array in values)]
