"""npy: each array as one .npy that numpy maps into memory, the people as people.csv, all in one order.

``<feature>.<array>.npy`` (n, ...), ``multi_hot.npy`` (n, C) with its names in ``labels.txt``, ``vad.npy`` (n, 3),
``boxes.npy`` (n, 4), ``missing.npy`` (n,), ``keys.txt`` a key a line, ``people.csv`` what there is in words.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.errors import ConfigError
from cache.files import replace_text
from scripts.exporting import form
from scripts.exporting.formats.csv import check_labels, write_rows
from scripts.exporting.reading import Exported

_TOLD = """Row i of every file is the same person: line i of `keys.txt`, counted from 0. Arrays are mapped, not read, by
`numpy.load("body.pooled.npy", mmap_mode="r")`. `multi_hot.npy` has a column for each line of `labels.txt`, `vad.npy` is
valence, arousal, dominance (1 to 10, NaN where unknown), `boxes.npy` x1, y1, x2, y2 in pixels."""


class Form(form.Form):
    """Files beside each other."""

    told = _TOLD

    def check(self, asked: Exported) -> None:
        """Every array has a place here. Raises: ConfigError when a label cannot be told from two in people.csv, or a
        key from two in keys.txt."""
        check_labels(asked)
        if torn := [text for text in (*asked.people.keys, *asked.people.category_names) if len(text.splitlines()) > 1]:
            raise ConfigError(f"FORMAT=npy: {torn[0]!r} is more than one line of keys.txt. Use FORMAT=hf or csv")

    def write(self, folder: Path, asked: Exported) -> None:
        """Row after row: what is mapped into memory could not tell that a disk is full."""
        people = asked.people
        plain: dict[str, NDArray[Any]] = {
            "multi_hot": people.multi_hot,
            "vad": people.vad,
            "boxes": people.boxes,
            "missing": people.missing,
        }
        for name, values in plain.items():
            np.save(folder / f"{name}.npy", values, allow_pickle=False)
        replace_text(folder / "keys.txt", "".join(f"{key}\n" for key in people.keys))
        replace_text(folder / "labels.txt", "".join(f"{name}\n" for name in people.category_names))
        write_rows(folder / "people.csv", replace(asked, seen=int), arrays=False)
        for (name, array), word in zip(asked.arrays.items(), people.features, strict=True):
            _array(folder / f"{name}.npy", array.dtype, array.shape, asked.only(word))


def _array(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], asked: Exported) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in asked.parts():
            (rows,) = (one.numpy() for one in part.arrays.values())
            file.write(np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data)
