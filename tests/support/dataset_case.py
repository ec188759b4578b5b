"""What the contract suite asks of every dataset: a file ``<dataset>_cases.py`` here with ``CASES``, variant -> Case."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.dataset import Reader

Builder = Callable[[Path], Reader]


@dataclass(frozen=True)
class Case:
    """One form of a dataset, in small, generated.

    build: makes it below a folder that exists and is empty, with all three splits and rows of every kind, and gives
    its reader. rows: what the annotation names, counted by hand: people, and images without any.
    hostile: makes a sound root whose annotation names one more image, at the path given; a text says why there is no
    such annotation. leaking: makes one in which an image stands in two splits; a text says why there is none.
    images: whether every image that the manifest names is there.
    """

    build: Builder
    rows: int
    hostile: Callable[[Path, str], Reader] | str
    leaking: Builder | str
    images: bool = False


def cases(dataset: str) -> dict[str, Case]:
    """Raises: LookupError with what is to be done when the dataset has no small form."""
    module = f"{dataset}_cases"
    if find_spec(module) is None:
        wanted = f"tests/support/{module}.py with CASES (see tests/support/dataset_case.py)"
        raise LookupError(f"dataset {dataset!r} is not in the contract suite: write {wanted}")
    found: dict[str, Case] = import_module(module).CASES
    return found


def photo(path: Path, size: tuple[int, int] = (100, 90)) -> Path:
    """A file with an image of ``size`` (width, height), of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0], 3), (200, 120, 40), np.uint8)
    Image.fromarray(pixels).save(path)
    return path
