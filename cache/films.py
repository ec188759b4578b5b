"""Which samples are no independent evidence of each other: people of one photograph, and clips of one film."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from cache.manifest import Manifest

VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv"})
"""Suffixes, as a film's folder may have one."""


def film_of(video: str) -> str:
    """The film that a clip was cut from, as far as its path tells: the folder that it lies in where that is named as a
    video is, as BoLD's ``003/IzvOYVMltkI.mp4/0114.mp4``; else the video itself."""
    folder = PurePosixPath(video).parent
    return str(folder) if folder.suffix.lower() in VIDEOS else video


def films(videos: Sequence[str]) -> list[str]:
    """``film_of`` each, once for equal ones."""
    known = {video: film_of(video) for video in dict.fromkeys(videos)}
    return [known[video] for video in videos]


def groups(manifest: Manifest) -> NDArray[np.int64]:
    """(n,) the number of each row's photograph, or of its film: all spans and clips of a film have the same one."""
    images = films(manifest.images) if manifest.clips else manifest.images
    return np.asarray(np.unique(images, return_inverse=True)[1], np.int64)
