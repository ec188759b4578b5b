"""What a decoding thread does for one video: the frames that any stage wants, once, in order, for all its people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.layout import Block
from cache.manifest import TOO_SMALL, WITHOUT_BOX, Manifest
from cache.spec import Granularity, Status
from pipeline.decoding.boxes import too_small
from pipeline.decoding.images import MAX_PIXELS, ImageError
from pipeline.decoding.paths import resolve
from pipeline.decoding.tracks import Track, read_track
from pipeline.decoding.video import frames
from pipeline.framed import Framed, Moments
from pipeline.running.reading import Prepared, Row, Unusable
from pipeline.stage import Photo, Stage


@dataclass(frozen=True)
class Sample:
    """One person of a clip. box: (4,) where it holds for every frame; else the track says where the person is."""

    span: tuple[int, int]
    box: NDArray[np.float32]
    track: Track | None

    def at(self, frame: int, size: tuple[int, int]) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """The box inside an image of ``size``, None where there is none to be cropped, and the joints."""
        box, joints = self.track.at(frame) if self.track else (self.box, None)
        box = np.minimum(np.maximum(box, 0), np.array([*size, *size], np.float32))
        usable = box[2] > box[0] and box[3] > box[1] and not too_small(box.tolist())  # of NaN nothing is true
        return (box if usable else None), joints


@dataclass
class Wanted:
    """What is wanted of one video. stages, moments: by feature. ended: the first frame that could not be had, and why;
    None where all could."""

    key: str
    samples: Sequence[Sample]
    stages: Mapping[str, Framed]
    moments: dict[str, Moments] = field(default_factory=dict)
    ended: tuple[int, str] | None = None

    def __post_init__(self) -> None:
        spans = np.array([sample.span for sample in self.samples], np.int32).reshape(-1, 2)
        self.moments = {name: stage.moments(spans) for name, stage in self.stages.items()}

    def frames(self, pixels: bool) -> dict[int, int]:
        """The frames to show, ascending, with how many after each; to stages that look at ``pixels`` or that do not."""
        found: dict[int, int] = {}
        for name, stage in self.stages.items():
            for frame in np.unique(self.moments[name].positions).tolist() if stage.pixels is pixels else ():
                found[frame] = max(found.get(frame, 0), stage.following)
        return dict(sorted(found.items()))

    def show(self, held: Mapping[int, Image.Image], frame: int, pixels: bool) -> None:
        """Frame ``frame`` of those ``held``, to every stage that wants it, with the people that it is about."""
        for name, stage in self.stages.items():
            if stage.pixels is pixels and (places := self.moments[name].at(frame)):
                self._take(stage, self.moments[name], held, frame, places)

    def _take(
        self,
        stage: Framed,
        moments: Moments,
        held: Mapping[int, Image.Image],
        frame: int,
        places: list[list[tuple[int, int]]],
    ) -> None:
        image = held[frame]
        seen = [(own, *self.samples[own[0][0]].at(frame, image.size)) for own in places]
        cropped = [one for one in seen if one[1] is not None and (stage.pixels or one[2] is not None)]
        boxes = np.array([box for _, box, _ in cropped], np.float32).reshape(-1, 4)
        joints = [points for _, _, points in cropped if points is not None]
        known = np.stack(joints) if joints and len(joints) == len(cropped) else None
        following = tuple(held[min(frame + more, max(held))] for more in range(1, stage.following + 1))
        shown = seen if stage.inner.granularity is Granularity.IMAGE else cropped
        if shown:
            stage.take(moments, Photo(self.key, image, boxes, following, known), [own for own, _, _ in shown])

    def tell_lost(self) -> None:
        """Frames that could not be had spoil the samples that want them, but for a span's very last one: containers
        often declare one more than they hold, and it is told as absent."""
        if self.ended is None:
            return
        first, reason = self.ended
        for name, stage in self.stages.items():
            for number, sample in enumerate(self.samples if stage.pixels else ()):
                lost = [one for one in self.moments[name].positions[number].tolist() if one >= first]
                if any(one != sample.span[1] for one in lost):
                    text = f"frame {min(lost)} of {sample.span[0]}-{sample.span[1]}: {reason}"
                    self.moments[name].faults[number] = Status.BROKEN, text


def watch(
    root: Path,
    manifest: Manifest,
    block: Block,
    index: int,
    stages: Mapping[str, Stage[Any]],
    max_pixels: int = MAX_PIXELS,
) -> Prepared:
    """Video ``index`` of ``block`` for ``stages``, each a Framed. Never raises for a bad video."""
    key, rows = block.images[index], block.rows[block.spans[index]]
    if not len(rows):
        return Prepared()
    samples, unusable = _samples(root, manifest, rows)
    wanted = Wanted(key, samples, {name: stage for name, stage in stages.items() if isinstance(stage, Framed)})
    black = Image.new("RGB", tuple(manifest.sizes[rows[0]].tolist()))
    for frame in wanted.frames(pixels=False):
        wanted.show({frame: black}, frame, pixels=False)
    path = root / manifest.folder / key
    try:
        path = resolve(root, f"{manifest.folder}/{key}" if manifest.folder else key)
        show(path, wanted, max_pixels)
    except ImageError as error:
        return Prepared(error.status, str(error).removeprefix(f"{path}: "))
    return Prepared(unusable=unusable, items={name: [moments] for name, moments in wanted.moments.items()})


def _samples(root: Path, manifest: Manifest, rows: NDArray[np.int64]) -> tuple[list[Sample], Unusable]:
    """The video's people that can be shown; the others by their number, with status and reason."""
    samples: list[Sample] = []
    unusable: Unusable = {}
    for number, row in enumerate(rows.tolist()):
        if (word := manifest.statuses[row]) in WITHOUT_BOX:
            status = Status.TOO_SMALL if word == TOO_SMALL else Status.UNUSABLE
            unusable[number] = status, manifest.reasons[row] or word
            continue
        first, last = manifest.spans[row].tolist()
        try:
            samples.append(Sample((first, last), manifest.boxes[row], _track(root, manifest, row)))
        except ImageError as error:
            unusable[number] = error.status, str(error)
    return samples, unusable


def _track(root: Path, manifest: Manifest, row: int) -> Track | None:
    if not manifest.tracks or not manifest.tracks[row]:
        return None
    relative = f"{manifest.folder}/{manifest.tracks[row]}" if manifest.folder else manifest.tracks[row]
    return read_track(root, relative, int(manifest.persons[row]), manifest.track_digests[row])


def show(path: Path, wanted: Wanted, max_pixels: int = MAX_PIXELS) -> None:
    """Decode what is wanted and show it to the stages that look at pixels. Raises: ImageError when not even the first
    frame can be had."""
    every = wanted.frames(pixels=True)
    if not every:
        return
    last = max(last for _, last in (sample.span for sample in wanted.samples))
    needed = sorted({min(one + more, last) for one, follow in every.items() for more in range(follow + 1)})
    arriving, held, reason = frames(path, needed, max_pixels), dict[int, Image.Image](), "the video ends before it"
    for one, follow in every.items():
        held = {number: image for number, image in held.items() if number >= one}
        try:
            while max(held, default=-1) < min(one + follow, last) and (got := next(arriving, None)):
                held[got[0]] = got[1]
        except ImageError as error:
            if one == next(iter(every)) and one not in held:
                raise
            reason = str(error).removeprefix(f"{path}: ")
        if one not in held:
            wanted.ended = one, reason
            break
        wanted.show(held, one, pixels=True)
    wanted.tell_lost()


def look_again(
    root: Path,
    manifest: Manifest,
    key: str,
    wanted: Mapping[str, tuple[Stage[Any], Sequence[Row]]],
    max_pixels: int = MAX_PIXELS,
) -> Prepared:
    """Decode video ``key`` again and show it, with rows of their sources, to stages that see it: for each row its
    frames. wanted: feature -> its stage, a Framed, and the rows of the video. Never raises for a bad video."""
    path = root / manifest.folder / key
    made = {name: [Moments(row["positions"][None]) for row in rows] for name, (_, rows) in wanted.items()}
    present = [row["positions"][row["present"] > 0] for _, rows in wanted.values() for row in rows]
    try:
        path = resolve(root, f"{manifest.folder}/{key}" if manifest.folder else key)
        for frame, image in frames(path, np.unique(np.concatenate(present)).tolist(), max_pixels):
            for name, (stage, rows) in wanted.items():
                look_at(stage, made[name], rows, frame, image)
    except ImageError as error:
        return Prepared(error.status, str(error).removeprefix(f"{path}: "))
    return Prepared(items={name: list(moments) for name, moments in made.items()})


def look_at(stage: Stage[Any], made: Sequence[Moments], rows: Sequence[Row], frame: int, image: Image.Image) -> None:
    """Show frame ``frame`` to a Framed stage that sees it with rows of its source: one of ``made`` for each."""
    assert isinstance(stage, Framed)
    at = [(moments, row, moments.at(frame)) for moments, row in zip(made, rows, strict=True)]
    seen = [(moments, row, places[0]) for moments, row, places in at if places and row["present"][places[0][0][1]]]
    if seen:
        items = stage.inner.look(image, [stage.of_frame(row, places[0][1]) for _, row, places in seen])
        for item, (moments, _, places) in zip(items, seen, strict=True):
            moments.items.append((item, [places]))
