"""Videos and joints for datasets of clips, small and made once a test session."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from video_files import sound, video

from pipeline.decoding.tracks import WIDTH

SIZE = (64, 48)
FRAMES = 12


@cache
def _made(suffix: str, frames: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="clips"))
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    return video(folder / f"a{suffix}", frames, codec, size=SIZE)


@cache
def _sound() -> Path:
    return sound(Path(tempfile.mkdtemp(prefix="sound")) / "a.mp4")


def clip(path: Path, frames: int = FRAMES) -> Path:
    """A video of SIZE at ``path``."""
    return _copied(_made(path.suffix, frames), path)


def audio(path: Path) -> Path:
    return _copied(_sound(), path)


def _copied(made: Path, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made, path)
    return path


def joints(path: Path, *people: int, frames: int = FRAMES, first: int = 100, unseen: tuple[int, ...] = ()) -> Path:
    """A file of joints: person p has two, at (2 + p, 4 + frame) and (22 + p, 34), the others are missing; nothing of
    those ``unseen`` is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for frame in range(frames):
        for person in people:
            row = np.zeros(WIDTH)
            row[:2] = first + frame, person
            if person not in unseen:
                row[2:5], row[5:8] = (2 + person, 4 + frame, 0.9), (22 + person, 34, 0.5)
            rows.append(row)
    np.save(path, np.array(rows))
    return path
