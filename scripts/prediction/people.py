"""Which images, and the boxes of people that the user gives."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache.errors import ConfigError, DataError, nearest
from pipeline.decoding.box_forms import FORMS, SLACK, doubt, has_extent, is_share, to_xyxy
from pipeline.decoding.boxes import too_small
from pipeline.decoding.formats import READ
from scripts.prediction import clip

Boxes = NDArray[np.float32]
COLUMNS = ("image", "x1", "y1", "x2", "y2")
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".heic", ".heif", ".avif")
)
FARTHEST = 1e9
"""Pixels; beyond it a coordinate is a mistake, and float32 no longer tells neighbours apart."""


def images(path: Path) -> list[Path]:
    """``path`` itself, or the images and videos of a folder by name. Raises: DataError when there are none."""
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.suffix.lower() in SUFFIXES | clip.SUFFIXES)
    if not found:
        raise DataError(f"IMAGE={path}: a folder without an image ({', '.join(READ)}) or a video")
    return found


def given(text: str, form: str = "") -> list[Boxes] | dict[str, Boxes]:
    """``"10,20,200,300 220,15,400,310"`` as one array, or a CSV file of COLUMNS as arrays by image.

    Numbers stay as they are written, in ``form``, which ``placed`` is to be told; "" is xyxy that nobody said.
    Raises: ConfigError, DataError naming the line.
    """
    if form and form not in FORMS:
        raise ConfigError(f"BOX={form}: no such form of a box.{nearest(form, FORMS)}")
    if Path(text).suffix.lower() == ".csv":
        return _table(Path(text), form)
    words = [word.split(",") for word in text.split()]
    return [np.array([_box(word, f"BOXES={text}", form) for word in words], np.float32).reshape(-1, 4)]


def _table(path: Path, form: str) -> dict[str, Boxes]:
    found: dict[str, list[list[float]]] = {}
    paths: dict[str, Path] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if absent := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise DataError(f"{path}:1: no column {absent[0]!r}; the first line is {','.join(COLUMNS)}")
            for number, line in enumerate(reader, 2):
                if short := [name for name in COLUMNS if line[name] is None]:
                    raise DataError(f"{path}:{number}: ends before {short[0]!r}; the columns are {','.join(COLUMNS)}")
                box = _box([line[name] for name in COLUMNS[1:]], f"{path}:{number}", form)
                image = Path(line["image"])
                if (first := paths.setdefault(image.name, image)) != image:
                    text = f"{str(image)!r} and {str(first)!r} have one name, and images are told by it"
                    raise DataError(f"{path}:{number}: {text}. Give the boxes of each folder in a file of its own")
                found.setdefault(image.name, []).append(box)
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


def _box(words: list[str], where: str, form: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    fine = len(values) == 4 and all(math.isfinite(value) and abs(value) < FARTHEST for value in values)
    if fine and has_extent(form):
        if min(values[2:]) > 0:
            return values
        raise ConfigError(f"{where}: box {','.join(words)!r} has no width and height above 0 (BOX={form})")
    if not fine or values[0] >= values[2] or values[1] >= values[3]:
        text = f"is not x1,y1,x2,y2{'' if is_share(form) else ' in pixels'} with x1 < x2 and y1 < y2"
        other = "normalised_xywh" if is_share(form) else "xywh"
        cure = f". BOX={other} reads {FORMS[other]}" if fine else ""
        raise ConfigError(f"{where}: box {','.join(words)!r} {text}{cure}")
    return values


def placed(boxes: Boxes, form: str, size: tuple[int, int], where: str) -> Boxes:
    """What the user gave in ``form`` as ``inside`` has it.

    form: "" is xyxy that nobody said, so that it may be doubted. Raises: DataError for a box that lies outside, is
    hardly of this form, or of a few pixels.
    """
    found = doubt(boxes.astype(np.float64), np.tile(np.array(size, np.float64), (len(boxes), 1)), form or "xyxy")
    if found and (not form or is_share(form)):
        raise DataError(f"{where}: box {_shown(boxes[found.first])}: {found.text}. {found.cure}")
    made = inside(_corners(boxes, form, size), size, where)
    for box, written in zip(made.tolist(), boxes, strict=True):
        if reason := too_small(box):
            raise DataError(f"{where}: box {_shown(written)}: {reason}")
    return made


def clamped(boxes: Boxes, form: str, size: tuple[int, int]) -> list[int]:
    """Numbers of those of ``placed`` that reach more than SLACK pixels out of the image."""
    corners = _corners(boxes, form, size)
    beyond = (corners < -SLACK) | (corners > np.array([*size, *size]) + SLACK)
    return [int(number) for number in np.flatnonzero(beyond.any(1))]


def _corners(boxes: Boxes, form: str, size: tuple[int, int]) -> Boxes:
    corners = [to_xyxy(box, form or "xyxy", size) for box in boxes.tolist()]
    return np.array(corners, np.float32).reshape(-1, 4)


def _shown(box: Boxes) -> str:
    """As it was written: float32 keeps seven digits."""
    return f"[{', '.join(f'{value:.7g}' for value in box.tolist())}]"


def inside(boxes: Boxes, size: tuple[int, int], where: str) -> Boxes:
    """``boxes`` clamped to an image of ``size`` (width, height). Raises: DataError for one that lies outside."""
    limit = np.array([*size, *size], np.float32)
    clamped: Boxes = np.minimum(np.maximum(boxes, 0), limit)
    outside = (clamped[:, 0] >= clamped[:, 2]) | (clamped[:, 1] >= clamped[:, 3])
    if outside.any():
        raise DataError(f"{where}: box {_shown(boxes[outside.argmax()])} lies outside the image {size[0]} x {size[1]}")
    return clamped
