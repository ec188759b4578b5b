"""A stage for photographs, frame by frame on a clip: its rows get an axis of frames.

Beside the stage's own arrays, each (frames, *shape) now, a row holds ``positions`` (frames,): the number of each frame
in the video, and ``present`` (frames,): 1 where the stage has a value. Who has no box in a frame is absent there; so is
one whose frame shows no face. A frame in which the stage failed fails the row, since it could be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cache.errors import AffectError, ConfigError
from cache.spec import FAILURES, ArraySpec, Granularity, Status
from pipeline.stage import Extracted, Failed, Photo, Stage

if TYPE_CHECKING:
    from pipeline.weights.folder import Weights

Place = tuple[int, int]
CLIP_POLICY: dict[str, Any] = {
    "version": 1,
    "positions": "middles of equal parts of the span, the last following frames left out",
    "people": "box and joints of the frame itself; everybody in the frame is shown",
    "lost": "a sample that wants a frame that cannot be had is broken, but for a last frame that is not there",
}
"""What decides which frames a row is made of, and of what in them, for the fingerprint. Raise the version when a change
gives other values."""
POSITIONS = ArraySpec((), "int32", "number of the frame in the video, from 0 in the order they are shown", -1)
PRESENT = ArraySpec((), "uint8", "1 where the frame has a value")


@dataclass
class Moments:
    """What a stage is to run on for the samples of one video, or for one sample of it.

    positions: (samples, frames) int32. items: what the stage's ``prepare`` gave, and for each row that it will make of
    it the places, sample and frame, that the row is for. faults: sample -> why it has no value at all.
    """

    positions: NDArray[np.int32]
    items: list[tuple[Any, list[list[Place]]]] = field(default_factory=list)
    faults: dict[int, tuple[Status, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.positions)

    def at(self, frame: int) -> list[list[Place]]:
        """The places of ``frame``, sample by sample; samples without are left out. A short clip repeats its frames."""
        samples, frames = np.nonzero(self.positions == frame)
        found: dict[int, list[Place]] = {}
        for sample, place in zip(samples.tolist(), frames.tolist(), strict=True):
            found.setdefault(sample, []).append((sample, place))
        return list(found.values())


def positions(span: tuple[int, int], frames: int, following: int = 0) -> NDArray[np.int32]:
    """(frames,) int32: the middles of ``frames`` equal parts of ``span``, whose first and last frame both count.

    The last ``following`` frames are left to be shown after those, where the span is longer than that. A span with
    fewer frames has some of them several times.
    """
    length = span[1] - span[0] + 1
    room = max(1, length - following)
    return (span[0] + (np.arange(frames) * 2 + 1) * room // (2 * frames)).astype(np.int32)


class Framed(Stage[Moments]):
    """``inner`` on ``frames`` frames of each sample. An item is a video with all its samples; of a stage made from
    another feature, one sample."""

    unit = Granularity.IMAGE
    granularity = Granularity.CLIP

    def __init__(self, inner: Stage[Any], frames: int) -> None:
        self.inner, self.frames, self.config = inner, frames, inner.config
        self.batch_size = max(1, inner.batch_size // frames)
        self.block = inner.block

    @property
    def version(self) -> int:  # type: ignore[override]
        """The inner stage's."""
        return self.inner.version

    @property
    def outputs(self) -> dict[str, ArraySpec]:
        own = {"positions": POSITIONS, "present": PRESENT}
        if taken := own.keys() & self.inner.outputs.keys():
            raise ConfigError(f"{type(self.inner).__module__}: {taken.pop()!r} is a name that every clip's row has")
        return {name: self._framed(spec) for name, spec in (self.inner.outputs | own).items()}

    @property
    def weights(self) -> tuple[str, ...]:
        return self.inner.weights

    @property
    def source(self) -> str:
        return self.inner.source

    @property
    def reads(self) -> tuple[str, ...]:
        return (*self.inner.reads, "positions", "present") if self.source else ()

    @property
    def sees(self) -> bool:
        return self.inner.sees

    @property
    def following(self) -> int:
        return self.inner.following

    @property
    def pixels(self) -> bool:
        return self.inner.pixels

    @property
    def cpu_only(self) -> bool:
        return self.inner.cpu_only

    def load(self, device: str, weights: Weights) -> None:
        """The inner stage. Raises: as that."""
        self.inner.load(device, weights)

    def moments(self, spans: NDArray[np.int32]) -> Moments:
        """Of samples with these ``spans`` (samples, 2), nothing taken yet."""
        chosen = [positions((first, last), self.frames, self.following) for first, last in spans.tolist()]
        return Moments(np.array(chosen, np.int32).reshape(-1, self.frames))

    def take(self, moments: Moments, photo: Photo, places: list[list[Place]]) -> None:
        """One frame. places: for each person in ``photo``, or for each sample that has the frame, its places; none for
        somebody who is only to be seen beside the others."""
        if self.inner.granularity is Granularity.IMAGE:
            places = [[place for own in places for place in own]]
        try:
            items = self.inner.prepare(photo)
        except Exception as error:  # this frame's fault, not the run's
            items = [Failed(f"{type(error).__name__}: {error}", len(places))]
        if len(items) == 1:
            moments.items.append((items[0], places))
        else:
            moments.items += [(item, [own]) for item, own in zip(items, places, strict=True) if own]

    def derive(self, row: Mapping[str, NDArray[Any]]) -> Moments:
        made = Moments(row["positions"][None])
        for frame in np.flatnonzero(row["present"]).tolist():
            made.items.append((self.inner.derive(self.of_frame(row, frame)), [[(0, frame)]]))
        return made

    def of_frame(self, row: Mapping[str, NDArray[Any]], frame: int) -> dict[str, NDArray[Any]]:
        """What the inner stage reads of a clip's ``row``, at one of its frames."""
        return {name: row[name][frame] for name in self.inner.reads}

    def rows(self, item: Moments) -> int:
        return len(item)

    def run(self, items: Sequence[Moments]) -> Extracted:
        """Rows of all samples of all ``items``, in order."""
        total = sum(map(len, items))
        arrays = {name: spec.empty(total) for name, spec in self.outputs.items()}
        status = np.full((total, self.frames), Status.UNUSABLE, np.uint8)
        texts: dict[Place, str] = {}
        arrays["positions"][:] = np.concatenate([one.positions for one in items])
        for row, found, text, places in self._made(items):
            for place in places:
                status[place] = found.status[row]
                if found.status[row] != Status.OK:
                    texts[place] = text
                    continue
                for name, array in found.arrays.items():
                    arrays[name][place] = array[row]
        arrays["present"][:] = status == Status.OK
        faults = dict(self._faults(items))
        nothing = f"no {'box' if self.pixels else 'joints'} in any of its frames"
        settled = [
            faults.get(sample) or _settled(own, arrays["positions"][sample], texts, sample, nothing)
            for sample, own in enumerate(status)
        ]
        return Extracted(arrays, np.array([one for one, _ in settled], np.uint8), [text for _, text in settled])

    def settle(self, done: Extracted) -> Extracted:
        """As it is: the inner stage settled each frame, and an absent one holds what is missing, be it NaN."""
        return done if done.arrays else super().settle(done)

    def _made(self, items: Sequence[Moments]) -> Iterator[tuple[int, Extracted, str, list[Place]]]:
        """Rows of the inner stage, by their number in an ``Extracted``, with message and places over all items."""
        flat: list[tuple[Any, list[list[Place]]]] = []
        first = 0
        for moments in items:
            for item, rows in moments.items:
                flat.append((item, [[(first + sample, frame) for sample, frame in own] for own in rows]))
            first += len(moments)
        for start in range(0, len(flat), self.inner.batch_size):
            batch = flat[start : start + self.inner.batch_size]
            for found, rows in _extracted(self.inner, batch):
                for row, own in enumerate(rows):
                    yield row, found, found.messages[row], own

    def _faults(self, items: Sequence[Moments]) -> Iterator[tuple[int, tuple[Status, str]]]:
        first = 0
        for moments in items:
            yield from ((first + sample, fault) for sample, fault in moments.faults.items())
            first += len(moments)

    def _framed(self, spec: ArraySpec) -> ArraySpec:
        return ArraySpec((self.frames, *spec.shape), spec.dtype, spec.unit, spec.missing, spec.compressed)


def _extracted(
    stage: Stage[Any], batch: Sequence[tuple[Any, list[list[Place]]]]
) -> Iterable[tuple[Extracted, list[list[Place]]]]:
    """The batch at once or, where one item spoils it, one by one."""
    rows = [own for _, places in batch for own in places]
    try:
        return [(stage.extract([item for item, _ in batch]), rows)]
    except AffectError:
        raise
    except Exception as error:
        if len(batch) > 1:
            return [found for one in batch for found in _extracted(stage, [one])]
        failed = Failed(f"{type(error).__name__}: {error}", len(rows))
        return [(stage.extract([failed]), rows)]


def _settled(
    status: NDArray[np.uint8], frames: NDArray[np.int32], texts: Mapping[Place, str], sample: int, nothing: str
) -> tuple[Status, str]:
    """A sample's status of those of its frames, and why. A failed frame fails it; absent ones only all together, for
    which ``nothing`` is told where the stage does not say more."""
    wrong = [frame for frame, one in enumerate(status.tolist()) if Status(one) in FAILURES]
    if not wrong and (status == Status.OK).any():
        return Status.OK, ""
    place = (wrong or [frame for frame in range(len(status)) if (sample, frame) in texts] or [0])[0]
    told = texts.get((sample, place), nothing)
    return Status(status[place]), f"frame {frames[place]}: {told}" if (sample, place) in texts else told
