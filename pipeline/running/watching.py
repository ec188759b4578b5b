"""What a decoding thread does for one video: the frames that any stage wants, once, in order, for all its people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cache.layout import Block
from cache.manifest import Manifest
from cache.spec import FAILURES, Granularity, Status
from pipeline.decoding.images import MAX_PIXELS, ImageError
from pipeline.decoding.paths import resolve
from pipeline.decoding.video import frames
from pipeline.framed import Framed, Moments, Place
from pipeline.running.clip_people import Sample, samples_of
from pipeline.running.reading import Prepared, Row
from pipeline.stage import Failed, Photo, Stage


@dataclass
class Wanted:
    """What is wanted of one video. stages, moments: by feature. lost: the first frame that could not be had, and why,
    where it is not that the video ends before; None where all could."""

    key: str
    samples: Sequence[Sample]
    stages: Mapping[str, Framed]
    moments: dict[str, Moments] = field(default_factory=dict)
    lost: tuple[int, ImageError | None] | None = None

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
        places: list[list[Place]],
    ) -> None:
        image = held[frame]
        people = self._people(frame, image.size, places, everyone=stage.inner.granularity is not Granularity.IMAGE)
        if not stage.pixels:
            people = [one for one in people if one[2] is not None]
        cropped = [one for one in people if one[1] is not None]
        boxes = np.array([box for _, box, _ in cropped], np.float32).reshape(-1, 4)
        following = tuple(held[min(frame + more, max(held))] for more in range(1, stage.following + 1))
        shown = people if stage.inner.granularity is Granularity.IMAGE else cropped
        if any(own for own, _, _ in shown):
            photo = Photo(self.key, image, boxes, following, _joints([points for _, _, points in cropped]))
            stage.take(moments, photo, [own for own, _, _ in shown])

    def _people(
        self, frame: int, size: tuple[int, int], places: list[list[Place]], everyone: bool
    ) -> list[tuple[list[Place], NDArray[np.float32] | None, NDArray[np.float32] | None]]:
        """Each person of ``places`` once, with all of its places, box and joints; with ``everyone`` also those who are
        in the frame and not asked for there: a stage that tells people apart has to see them all."""
        asked = {own[0][0]: own for own in places}
        found: dict[tuple[Any, ...], tuple[list[Place], Any, Any]] = {}
        for number, sample in enumerate(self.samples):
            own = asked.get(number, [])
            if own or (everyone and sample.span[0] <= frame <= sample.span[1]):
                box, joints = sample.at(frame, size)
                key = (sample.person, None if box is None else tuple(box.tolist()))
                known = found.setdefault(key, ([], box, joints))
                known[0].extend(own)
        return list(found.values())

    def tell_lost(self) -> None:
        """What could not be had spoils the samples that want it: a damaged frame all whose frames, or frames shown
        after these, reach it; an end of the video too, but for a span's very last frame, since containers often declare
        one more than they hold: it is told as absent."""
        if self.lost is None:
            return
        first, error = self.lost
        last = max(sample.span[1] for sample in self.samples)
        for name, stage in self.stages.items():
            for number, sample in enumerate(self.samples if stage.pixels else ()):
                ends = sample.span[1] if error is None else last
                reach = np.minimum(self.moments[name].positions[number] + stage.following, ends)
                if (reach >= first).any() and not (error is None and first == sample.span[1]):
                    why = "the video ends before it" if error is None else str(error)
                    text = f"frame {first} of {sample.span[0]}-{sample.span[1]}: {why}"
                    self.moments[name].faults[number] = Status.BROKEN if error is None else error.status, text


def _joints(joints: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    """(p, j, 3): zeros, which are no joint, of whom the annotation has none in this frame; None where of nobody."""
    known = next((one for one in joints if one is not None), None)
    return None if known is None else np.stack([np.zeros_like(known) if one is None else one for one in joints])


def frames_shown(stages: Iterable[Stage[Any]]) -> int:
    """Frames of one sample that all ``stages`` together hold on to; 1 of photographs."""
    return max(1, sum(stage.frames * (1 + stage.following) for stage in stages if stage.pixels))


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
    samples, unusable = samples_of(root, manifest, rows)
    if not samples and len(set(unusable.values())) == 1 and unusable[0][0] in FAILURES:
        return Prepared(*unusable[0])  # the video itself cannot be had
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


def show(path: Path, wanted: Wanted, max_pixels: int = MAX_PIXELS) -> None:
    """Decode what is wanted and show it to the stages that look at pixels. Raises: ImageError when not even the first
    frame can be had."""
    every = wanted.frames(pixels=True)
    if not every:
        return
    last = max(last for _, last in (sample.span for sample in wanted.samples))
    needed = sorted({min(one + more, last) for one, follow in every.items() for more in range(follow + 1)})
    arriving, held, error = frames(path, needed, max_pixels), dict[int, Image.Image](), None
    for one, follow in every.items():
        held = {number: image for number, image in held.items() if number >= one}
        try:
            while max(held, default=-1) < min(one + follow, last) and (got := next(arriving, None)):
                held[got[0]] = got[1]
        except ImageError as fault:
            if one == needed[0] and not held:
                raise
            error = ImageError(fault.status, str(fault).removeprefix(f"{path}: "))
        if wanted.lost is None and max(held, default=-1) < min(one + follow, last):
            wanted.lost = next(number for number in needed if number >= one and number not in held), error
        if one not in held:
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
        try:
            items = stage.inner.look(image, [stage.of_frame(row, places[0][1]) for _, row, places in seen])
        except Exception as error:  # this frame's fault, not the run's
            items = [Failed(f"{type(error).__name__}: {error}")] * len(seen)
        for item, (moments, _, places) in zip(items, seen, strict=True):
            moments.items.append((item, [places]))
