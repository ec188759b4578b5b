"""Which images, and the boxes of people that the user gives."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache.errors import ConfigError, DataError, nearest
from pipeline.decoding.images import FORMATS

Boxes = NDArray[np.float32]
COLUMNS = ("image", "x1", "y1", "x2", "y2")
SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm"))
FARTHEST = 1e9
"""Pixels; beyond it a coordinate is a mistake, and float32 no longer tells neighbours apart."""


def images(path: Path) -> list[Path]:
    """``path`` itself, or the images of a folder by name. Raises: DataError when there are none."""
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(f"IMAGE={path}: a folder without an image ({', '.join(FORMATS)})")
    return found


def given(text: str) -> list[Boxes] | dict[str, Boxes]:
    """``"10,20,200,300 220,15,400,310"`` as one array, or a CSV file of COLUMNS as arrays by image.

    Raises: ConfigError, DataError naming the line.
    """
    if Path(text).suffix.lower() == ".csv":
        return _table(Path(text))
    return [np.array([_box(word.split(","), f"BOXES={text}") for word in text.split()], np.float32).reshape(-1, 4)]


def _table(path: Path) -> dict[str, Boxes]:
    found: dict[str, list[list[float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if absent := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise DataError(f"{path}:1: no column {absent[0]!r}; the first line is {','.join(COLUMNS)}")
            for number, line in enumerate(reader, 2):
                if short := [name for name in COLUMNS if line[name] is None]:
                    raise DataError(f"{path}:{number}: ends before {short[0]!r}; the columns are {','.join(COLUMNS)}")
                box = _box([line[name] for name in COLUMNS[1:]], f"{path}:{number}")
                found.setdefault(Path(line["image"]).name, []).append(box)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"BOXES={path}: cannot be read: {error}") from None
    if not found:
        raise DataError(f"{path}: holds no box below its first line")
    return {name: np.array(boxes, np.float32) for name, boxes in found.items()}


def check_names(boxes: Mapping[str, Boxes], paths: Sequence[Path], where: str) -> None:
    """Raises: DataError for boxes of an image that is not among ``paths``: a misspelt name would mean nobody."""
    if strange := sorted(set(boxes) - {path.name for path in paths}):
        names = [path.name for path in paths]
        raise DataError(f"{where}: boxes of {strange[0]!r}, which is not among the images.{nearest(strange[0], names)}")


def _box(words: list[str], where: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    fine = len(values) == 4 and all(math.isfinite(value) and abs(value) < FARTHEST for value in values)
    if not fine or values[0] >= values[2] or values[1] >= values[3]:
        raise ConfigError(f"{where}: box {','.join(words)!r} is not x1,y1,x2,y2 in pixels with x1 < x2 and y1 < y2")
    return values


def inside(boxes: Boxes, size: tuple[int, int], where: str) -> Boxes:
    """``boxes`` clamped to an image of ``size`` (width, height). Raises: DataError for one that lies outside."""
    limit = np.array([*size, *size], np.float32)
    clamped: Boxes = np.minimum(np.maximum(boxes, 0), limit)
    outside = (clamped[:, 0] >= clamped[:, 2]) | (clamped[:, 1] >= clamped[:, 3])
    if outside.any():
        raise DataError(f"{where}: box {boxes[outside.argmax()].tolist()} lies outside the image {size[0]} x {size[1]}")
    return clamped
