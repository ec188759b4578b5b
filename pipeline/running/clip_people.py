"""The people of a clip as the annotation has them: who can be shown, and where each is in a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache.manifest import BROKEN, MISSING, OUTSIDE_ROOT, TOO_LARGE, TOO_SMALL, WITHOUT_BOX, Manifest
from cache.spec import Status
from pipeline.decoding.boxes import too_small
from pipeline.decoding.images import ImageError
from pipeline.decoding.tracks import Track, read_track
from pipeline.running.reading import Unusable

OF_VIDEO = {
    TOO_SMALL: Status.TOO_SMALL,
    MISSING: Status.MISSING,
    BROKEN: Status.BROKEN,
    TOO_LARGE: Status.TOO_LARGE,
    OUTSIDE_ROOT: Status.OUTSIDE_ROOT,
}
"""What the annotation's word for a person makes of its rows; others are unusable."""


@dataclass(frozen=True)
class Sample:
    """One person of a clip. box: (4,) where it holds for every frame; else the track says where the person is."""

    span: tuple[int, int]
    box: NDArray[np.float32]
    track: Track | None
    person: int = 0

    def at(self, frame: int, size: tuple[int, int]) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """The box inside an image of ``size``, None where there is none to be cropped, and the joints."""
        box, joints = self.track.at(frame) if self.track else (self.box, None)
        box = np.minimum(np.maximum(box, 0), np.array([*size, *size], np.float32))
        usable = box[2] > box[0] and box[3] > box[1] and not too_small(box.tolist())  # of NaN nothing is true
        return (box if usable else None), joints


def samples_of(root: Path, manifest: Manifest, rows: NDArray[np.int64]) -> tuple[list[Sample], Unusable]:
    """The video's people that can be shown; the others by their number, with status and reason."""
    samples: list[Sample] = []
    unusable: Unusable = {}
    asked = _last_asked(manifest, rows)
    for number, row in enumerate(rows.tolist()):
        if (word := manifest.statuses[row]) in WITHOUT_BOX:
            status = OF_VIDEO.get(word, Status.UNUSABLE)
            unusable[number] = status, manifest.reasons[row] or word
            continue
        first, last = manifest.spans[row].tolist()
        try:
            track = _track(root, manifest, row, asked)
            samples.append(Sample((first, last), manifest.boxes[row], track, int(manifest.persons[row])))
        except ImageError as error:
            unusable[number] = error.status, str(error)
    return samples, unusable


def _last_asked(manifest: Manifest, rows: NDArray[np.int64]) -> dict[str, int]:
    """File of tracks -> the last frame that any of ``rows`` asks of it."""
    found: dict[str, int] = {}
    for row in rows.tolist() if manifest.tracks else ():
        name, last = manifest.tracks[row], int(manifest.spans[row, 1])
        found[name] = max(last, found.get(name, last))
    return found


def _track(root: Path, manifest: Manifest, row: int, asked: Mapping[str, int]) -> Track | None:
    if not manifest.tracks or not manifest.tracks[row]:
        return None
    relative = f"{manifest.folder}/{manifest.tracks[row]}" if manifest.folder else manifest.tracks[row]
    last = asked[manifest.tracks[row]]
    return read_track(root, relative, int(manifest.persons[row]), manifest.track_digests[row], last)
