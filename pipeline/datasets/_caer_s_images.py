"""CAER-S's image files: which there are, and which part of train is held out for validation."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from cache.errors import DataError, nearest
from cache.fingerprint import fingerprint

CATEGORIES: Final = ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
FOLDERS: Final = ("train", "test")
SHARE: Final = 0.1
"""Of each class of train, held out for validation."""
RUN: Final = 175
"""Neighbouring numbers that stay together: a fortieth of a class of CAER-S."""
SEED: Final = 0
_SUFFIXES: Final = (".png", ".jpg", ".jpeg")
_LABELS: Final = {name.lower(): name for name in CATEGORIES} | {"angry": "Anger"}
_NUMBERED: Final = re.compile(r"(.*?)(\d{1,18})", re.ASCII | re.DOTALL)


class File(NamedTuple):
    """One image. path: below the root. split: train or test, the folder. label: of CATEGORIES. rest: the path below
    the class's folder. bytes: of the file, 0 where they cannot be told."""

    path: str
    split: str
    label: str
    rest: str
    bytes: int = 0


@dataclass(frozen=True)
class Listing:
    """images: in the order of the folders and of their paths. ignored: paths of files that are no images by name."""

    images: tuple[File, ...]
    ignored: tuple[str, ...]


def label_of(folder: str) -> str:
    """The class of a folder, "" for none: both Anger and Angry are in use."""
    return _LABELS.get(folder.lower(), "")


def file_of(path: str) -> File | None:
    """The image that ``path`` names below the root; None when it is not in a class's folder of train or test."""
    split, _, below = path.partition("/")
    folder, _, rest = below.partition("/")
    label = label_of(folder)
    return File(path, split, label, rest) if split in FOLDERS and label and rest else None


def is_text(path: str) -> bool:
    """Whether a file's name can be written down: it need not be valid text on every system."""
    try:
        return path.isascii() or bool(path.encode())
    except UnicodeEncodeError:
        return False


def listing(root: Path) -> Listing:
    """The images in the folders of the seven classes, hidden ones left out.

    Raises: DataError when train/ or test/ is absent, holds no image or a folder of another name.
    """
    images: list[File] = []
    ignored: list[str] = []
    for split in FOLDERS:
        known = len(images)
        for folder, label, rest, size in class_files(root, split, FOLDERS):
            path = f"{split}/{folder}/{rest}"
            if rest.lower().endswith(_SUFFIXES):
                images.append(File(path, split, label, rest, size))
            else:
                ignored.append(path)
        if len(images) == known:
            wanted = f"{split}/{CATEGORIES[0]}/0001.png and the like are wanted"
            raise DataError(f"{root / split}: holds no image in a class's folder; {wanted}")
    return Listing(tuple(images), tuple(ignored))


def class_files(root: Path, split: str, splits: Sequence[str]) -> Iterator[tuple[str, str, str, int]]:
    """Class's folder, label, path below that folder and bytes of each file of a split, hidden ones left out.

    splits: the folders that the root has. Raises: DataError when the split's folder is absent or holds a folder that is
    no class's.
    """
    for folder in _folders(root, split, splits):
        for rest, size in sorted(_files(root / split / folder, "")):
            yield folder, label_of(folder), rest, size


def _folders(root: Path, split: str, splits: Sequence[str]) -> list[str]:
    try:
        with os.scandir(root / split) as entries:
            found = sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())
    except OSError as error:
        inner = next((path for path in sorted(root.glob("*/train")) if path.is_dir()), None)
        hint = f". Did you mean ROOT={inner.parent}?" if inner else ""
        cure = f"ROOT is the folder that holds {' and '.join(f'{name}/' for name in splits)}"
        raise DataError(f"{root / split}: {error.strerror}. {cure}{hint}") from None
    if strange := [name for name in found if not label_of(name)]:
        raise DataError(f"{root / split / strange[0]}: is no class's folder.{nearest(strange[0], CATEGORIES)}")
    return found


def _files(folder: Path, below: str) -> Iterator[tuple[str, int]]:
    """Paths below the class's folder with their bytes; linked folders are not entered, so that no ring is walked."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] == ".":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(folder / entry.name, f"{below}{entry.name}/")
                continue
            try:
                yield below + entry.name, entry.stat().st_size
            except OSError:  # a link that leads nowhere: it is told when the image is read
                yield below + entry.name, 0


def held_out(images: Iterable[File]) -> frozenset[str]:
    """Paths of train's images that make the validation set: about SHARE of each class, whole groups only.

    The groups are clips where names tell them, runs of neighbouring numbers elsewhere: see ``groups``. They are drawn
    by a hash with SEED, so that the choice depends on no order, and images of a new clip move few others.
    """
    classes: dict[str, list[File]] = defaultdict(list)
    for image in images:
        if image.split == "train":
            classes[image.label].append(image)
    return frozenset(path for label, members in classes.items() for path in _drawn(label, members))


def _drawn(label: str, members: Sequence[File]) -> list[str]:
    """The nearest to SHARE of one class that groups drawn one by one give; one group at least of two or more."""
    clips = groups(members)
    order = sorted(clips, key=lambda name: (fingerprint([SEED, label, name]), name))
    target, taken = SHARE * len(members), list[str]()
    for name in order:
        if abs(len(taken) + len(clips[name]) - target) < abs(len(taken) - target):
            taken += clips[name]
    return taken or (clips[order[0]] if len(order) > 1 else [])


def groups(members: Sequence[File]) -> dict[str, list[str]]:
    """Paths of one class's images by what has to stay together.

    A folder below the class's, or a name with a number before its last one (``clip_0001_frame_07``), is a clip. Names
    with one number (``0001``) are joined in runs of RUN neighbouring numbers, shorter ones in a small set: frames of
    one clip have neighbouring numbers, so that only the two ends of a run can divide a clip.
    """
    clips: dict[str, list[str]] = defaultdict(list)
    bare: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for image in members:
        folder, _, name = image.rest.rpartition("/")
        found = _NUMBERED.fullmatch(name.rpartition(".")[0])
        prefix = found[1] if found else name
        if folder or not found or any(map(str.isdecimal, prefix)):
            clips[f"{folder}/{prefix}"].append(image.path)
        else:
            bare[prefix].append((int(found[2]), image.path))
    for prefix, numbered in bare.items():
        run = max(1, min(RUN, len(numbered) // 10))
        for number, path in numbered:
            clips[f"{prefix} {number // run}"].append(path)
    return dict(clips)
