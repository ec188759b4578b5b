"""Rows of the store's features, one person after the other, for whoever tells or draws them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.errors import AffectError
from cache.feature import Feature
from cache.layout import Block
from cache.shard import Shard
from cache.spec import ArraySpec, Granularity, Status
from pipeline.running.recipes import stage_of
from pipeline.stage import Stage


class Place(NamedTuple):
    """Where in a shard: number of the image, and of the person among all of the shard, -1 for nobody."""

    image: int
    person: int


class Row(Mapping[str, NDArray[Any]]):
    """One row of a shard, read array by array where it is asked for. at: of a clip's row, the frame's place in it."""

    def __init__(self, shard: Shard, names: tuple[str, ...], row: int, at: int | None) -> None:
        self._shard, self._names, self._row, self._at = shard, names, row, at

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        value: NDArray[Any] = np.asarray(self._shard.array(name)[self._row])
        return value if self._at is None else value[self._at]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Source:
    """A trained feature and the stage that made it, for photographs."""

    feature: Feature
    stage: Stage[Any]

    @property
    def name(self) -> str:
        """The feature's."""
        return self.feature.name

    @property
    def framed(self) -> bool:
        """Whether a row has an axis of frames."""
        return {"positions", "present"} <= self.feature.arrays.keys()


@dataclass(frozen=True)
class Opened:
    """A source in one shard; None where that is pending."""

    source: Source
    shard: Shard | None

    def row(self, place: Place, frame: int | None) -> Row | None:
        """Of a person, or of his image; of a clip at ``frame``. None where there is no value."""
        if (at := self._index(place)) is None or self.shard is None:
            return None
        names = tuple(self.source.feature.arrays)
        if not self.source.framed:
            return Row(self.shard, names, at, None)
        found = np.flatnonzero((self._frames(at) == frame) if frame is not None else [])
        return Row(self.shard, names, at, int(found[0])) if len(found) else None

    def first_frame(self, place: Place) -> int | None:
        """The first frame of a clip that it has a value of."""
        if not self.source.framed or (at := self._index(place)) is None:
            return None
        return next((frame for frame in self._frames(at).tolist() if frame >= 0), None)

    def _frames(self, at: int) -> NDArray[np.int64]:
        """The number of each frame in the video, -1 where there is no value."""
        assert self.shard is not None
        positions, present = (np.asarray(self.shard.array(name)[at]) for name in ("positions", "present"))
        return np.where(present > 0, positions, -1).astype(np.int64)

    def _index(self, place: Place) -> int | None:
        at = place.image if self.source.feature.granularity is Granularity.IMAGE else place.person
        return at if self.shard is not None and at >= 0 and self.shard.status[at] == Status.OK else None


def sources(features: Mapping[str, Feature]) -> tuple[list[Source], list[str]]:
    """The trained features whose stage is one of those here, and the names of the untrained ones."""
    found = [Source(one, stage) for one in features.values() if one.trained and (stage := _stage(one))]
    return found, [one.name for one in features.values() if not one.trained]


def opened(source: Source, block: Block) -> Opened:
    """Raises: ShardError for a damaged shard."""
    feature = source.feature
    return Opened(source, None if feature.header(block) is None else feature.shard(block))


def _shapes(arrays: Mapping[str, ArraySpec], framed: bool = False) -> dict[str, tuple[int, ...]]:
    """Of one row of each array; of an array of frames without their axis. framed: ``arrays`` are of single frames."""
    own = {"positions", "present"} <= arrays.keys()
    skip = {"positions", "present"} if own or framed else set[str]()
    return {name: spec.shape[int(own) :] for name, spec in arrays.items() if name not in skip}


def _stage(feature: Feature) -> Stage[Any] | None:
    """None where the stage is not here, or now gives other arrays than those that are stored."""
    info = feature.info
    try:
        stage = stage_of(feature.name, {"stage": info["stage"], **info["config"]}).stage
        framed = {"positions", "present"} <= feature.arrays.keys()
        return stage if not stage.temporal and _shapes(stage.outputs, framed) == _shapes(feature.arrays) else None
    except (KeyError, TypeError, AffectError):
        return None
