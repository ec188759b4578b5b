"""CAER-S in small: folders of numbered images, and lists of faces: those of public code, and our own."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from pipeline.datasets._face_list import head

LABELS = {"Anger": 0, "Angry": 0, "Disgust": 1, "Fear": 2, "Happy": 3, "Neutral": 4, "Sad": 5, "Surprise": 6}
SIZE = (64, 48)
STATUSES = {"ok": 39 + 1 + 9, "no_person": 1 + 1, "bad_box": 1, "broken": 1, "missing": 1, "outside_root": 2}
"""Rows that ``write`` writes, by hand: two classes of train with an image left out, a third with what is wrong in six
ways, two classes of test with an image left out."""


def image(root: Path, path: str, size: tuple[int, int] = SIZE) -> Path:
    """A PNG in one colour that hangs on its path."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    colour = np.frombuffer(path.encode()[-3:].rjust(3), np.uint8)
    Image.fromarray(np.full((size[1], size[0], 3), colour, np.uint8)).save(file)
    return file


def line(path: str, box: tuple[float, ...] = (10, 12, 30, 40)) -> str:
    """One line of a list of faces; the label is that of the folder."""
    label = next(LABELS[part] for part in path.split("/") if part in LABELS)
    return ",".join([path, str(label), *(f"{value:g}" for value in box)])


def lists(root: Path, train: list[str], test: list[str]) -> None:
    """train.txt and test.txt."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "train.txt").write_text("\n".join([*train, ""]))
    (root / "test.txt").write_text("\n".join([*test, ""]))


def images(root: Path, counts: Mapping[str, int]) -> list[str]:
    """Folder -> so many images in it, numbered from 1; returns their paths."""
    paths = [f"{folder}/{number:04d}.png" for folder, many in counts.items() for number in range(1, many + 1)]
    for path in paths:
        image(root, path)
    return paths


def face(path: str, length: int, found: str = "ok,64,48,10.25,12.00,30.00,40.50,0.9981,2,") -> str:
    """One line of faces.csv; ``found`` is what follows the path and the bytes."""
    return f"{quote(path)},{length},{found}"


def faces(root: Path, lines: list[str]) -> None:
    """faces.csv, as if this detector had found them."""
    columns = "path,bytes,status,width,height,x1,y1,x2,y2,confidence,faces,note"
    (root / "faces.csv").write_text("\n".join([head(), columns, *lines, ""]))


def write(root: Path) -> None:
    """A root of both splits with lists, in which is also: an image that the list leaves out (in each split), one that
    is not there, a box outside its image and one of no size, a file that is no image, corners the wrong way round, a
    path that leads out and a link that does."""
    train = images(root, {"train/Angry": 20, "train/Happy": 20})
    test = images(root, {"test/Anger": 5, "test/Sad": 5})
    boxes = {train[0]: (10, 12, 640, 480), train[1]: (30, 40, 10, 12)}
    lines = [line(path, boxes.get(path, (10, 12, 30, 40))) for path in train if path != train[2]]
    lines += [line("train/Fear/0001.png", (30, 40, 10, 12)), line("train/Fear/0002.png", (0, 0, 0, 0))]
    lines += [line("train/Fear/0003.png"), line("train/Fear/0004.png"), line("../../train/Fear/0005.png")]
    image(root, "train/Fear/0001.png")
    image(root, "train/Fear/0002.png")
    (root / "train/Fear/0003.png").write_bytes(b"no image")
    (root.parent / "elsewhere.png").write_bytes(image(root, "train/Fear/0006.png").read_bytes())
    (root / "train/Fear/0006.png").unlink()
    (root / "train/Fear/0006.png").symlink_to(root.parent / "elsewhere.png")
    lists(root, [*lines, line("train/Fear/0006.png")], [line(path) for path in test[1:]])
