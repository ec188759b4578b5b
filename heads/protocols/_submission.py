"""What is said of the test people whose labels are not public, in the form of the annotations that are.

The distributors' form of a submission is not described with the data. So the file has the form of their own train.csv,
without a header, as far as a head can fill it: video, person_id, min_frame, max_frame as in test_meta.csv, then a share
for each category in the dataset's order, then valence, arousal and dominance on 1..10.
"""

import csv
import io
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cache.errors import ConfigError
from cache.manifest import Manifest
from heads.head import DIMENSIONS
from heads.protocol import Answer
from heads.protocols._multilabel.people import MOST

WHO = 4
"""Columns that say who it is."""
ANNOTATED = ("video", "person_id", "min_frame", "max_frame")
"""Their names in ``extras``."""
LEAST = 1.0
"""The lower end of the scale of dimensions."""
Rows = NDArray[np.int64]


def text(manifest: Manifest, rows: Rows, here: NDArray[np.bool_], answers: Sequence[Answer]) -> str:
    """A line for each of ``rows``, in the manifest's order. here: (n,) who has answers; the others get the mean of
    those who have. A category that was not learned has share 0. Raises: ConfigError without dimensions or without
    anybody."""
    if not here.any():
        raise ConfigError(f"{manifest.dataset}: not one of {len(rows)} test people has the head's features")
    told = next((one for one in answers if one.title == DIMENSIONS), None)
    if told is None:
        raise ConfigError("the head gives no valence, arousal and dominance, which the file has columns for")
    shares, main = np.zeros((len(rows), len(manifest.category_names))), answers[0]
    places = np.array([manifest.category_names.index(name) for name in main.names])
    shares[np.flatnonzero(here)[:, None], places] = main.shares.cpu().numpy()
    numbers = np.zeros((len(rows), len(told.names)))
    numbers[here] = (told.shares.cpu().numpy() * MOST).clip(LEAST, MOST)
    for values in (shares, numbers):
        values[~here] = values[here].mean(0)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row, mine, its in zip(rows.tolist(), shares, numbers, strict=True):
        writer.writerow([*_who(manifest, row), *(f"{x:.6f}" for x in mine), *(f"{x:.4f}" for x in its)])
    check(out.getvalue(), manifest, rows)
    return out.getvalue()


def _who(manifest: Manifest, row: int) -> list[str]:
    """As annotated, where the dataset's reader keeps that; else by the manifest."""
    told = json.loads(manifest.extras[row] or "{}") if manifest.extras else {}
    if all(name in told for name in ANNOTATED):
        return [str(told[name]) for name in ANNOTATED]
    first, last = manifest.spans[row].tolist() if manifest.clips else ("", "")
    return [manifest.images[row], str(manifest.persons[row]), str(first), str(last)]


def check(content: str, manifest: Manifest, rows: Rows) -> None:
    """That a file has the form above. Raises: ConfigError with the first line that has not."""
    found = list(csv.reader(io.StringIO(content)))
    if len(found) != len(rows):
        raise ConfigError(f"{len(found)} lines, there are {len(rows)} test people")
    categories = len(manifest.category_names)
    for number, (line, row) in enumerate(zip(found, rows.tolist(), strict=True), 1):
        if fault := _fault(line, _who(manifest, row), categories):
            raise ConfigError(f"line {number}: {fault}")


def _fault(line: Sequence[str], who: Sequence[str], categories: int) -> str:
    wanted = WHO + categories + 3
    if len(line) != wanted:
        return f"has {len(line)} columns, wanted are {wanted}"
    if list(line[:WHO]) != list(who):
        return f"is of {', '.join(line[:WHO])}, wanted is {', '.join(who)}"
    try:
        values = np.array(line[WHO:], float)
    except ValueError:
        return "has a column that is no number"
    if not ((values[:categories] >= 0) & (values[:categories] <= 1)).all():
        return "has a share outside 0..1"
    return (
        ""
        if ((values[categories:] >= LEAST) & (values[categories:] <= MOST)).all()
        else "has a dimension outside 1..10"
    )
