"""The people and arrays that an export holds, read in parts: never a whole feature in memory, nor all shards open."""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cache.aligned import Aligned
from cache.errors import StoreError
from cache.feature import Feature
from cache.people import Columns, People
from cache.spec import Status
from cache.store import Store

PART_BYTES = 16 << 20
"""Of all arrays' rows that are in memory together, unless one person has more."""
OPEN_SHARDS = 8
"""Of each feature at a time: every open one costs a file descriptor."""
UNTRAINED = "UNTRAINED"


@dataclass(frozen=True)
class Exported:
    """people: with every array by ``feature/array``. shards: (n,) the shard that each of them lies in. split: the one
    that was asked for, None for all. seen: is told the bytes of each part that was come to."""

    people: People
    shards: NDArray[np.int64]
    split: str | None = None
    seen: Callable[[int], object] = int

    @property
    def row_bytes(self) -> int:
        """Of all arrays of one person."""
        return sum(one.dtype.itemsize * math.prod(one.spec.shape) for one in self.people.features.values())

    @cached_property
    def arrays(self) -> dict[str, Aligned]:
        """By the name that an array has in an export: ``body.pooled``, ``pose.UNTRAINED.box``."""
        return {f"{label(one.feature)}.{one.array}": one for one in self.people.features.values()}

    @cached_property
    def features(self) -> dict[str, Feature]:
        """By the name that a feature has in an export: ``body``, ``pose.UNTRAINED``."""
        return {label(one.feature): one.feature for one in self.people.features.values()}

    def only(self, word: str) -> "Exported":
        """The same people with one array."""
        return replace(self, people=replace(self.people, features=Columns({word: self.people.features[word]})))

    def of_split(self, split: str) -> "Exported":
        """Its people."""
        chosen = np.array(self.people.splits) == split
        return replace(self, people=self.people[chosen], shards=self.shards[chosen])

    def parts(self) -> Iterator["Exported"]:
        """All people in their order, in parts of at least one person; shards are opened as they are come to, and those
        of long ago closed."""
        row = self.row_bytes
        step = max(1, PART_BYTES // max(row, 1))
        ends = [0, *(np.flatnonzero(np.diff(self.shards)) + 1).tolist(), len(self.people)]
        people, opened = _closed(self.people), set[int]()
        for start, stop in pairwise(ends):
            for first in range(start, stop, step):
                shard = int(self.shards[first])
                if shard not in opened and len(opened) == OPEN_SHARDS:
                    people, opened = _closed(self.people), set()
                opened.add(shard)
                chosen = slice(first, min(first + step, stop))
                yield replace(self, people=people[chosen], shards=self.shards[chosen])
                self.seen(row * (chosen.stop - chosen.start))

    def statuses(self) -> dict[str, list[str]]:
        """What became of each person in each feature, in words, by the feature's name in an export."""
        columns = {label(one.feature): one for one in self.people.features.values()}
        return {name: [Status(word).word for word in one.status.tolist()] for name, one in columns.items()}

    def table(self) -> pa.Table:
        """The columns of ``People.arrow``, arrays by their names here, and ``<feature>.status`` in words."""
        whole = self.people.arrow()
        names = dict(zip(self.people.features, self.arrays, strict=True))
        whole = whole.rename_columns([names.get(name, name) for name in whole.column_names])
        place = whole.column_names.index("missing") + 1
        for name, words in self.statuses().items():
            whole = whole.add_column(place, f"{name}.status", pa.array(words, pa.string()))
            place += 1
        return whole


def label(feature: Feature) -> str:
    """A feature's name, and that it is by networks that were not trained, so that no table hides it."""
    return feature.name if feature.trained else f"{feature.name}.{UNTRAINED}"


def exported(root: Path, dataset: str, words: Sequence[str], split: str | None, everyone: bool) -> Exported:
    """words: features (every array of them) and ``feature/array``; none is every feature in use.

    Raises: as ``People.load``; StoreError when there is nobody.
    """
    people = People.load(root, dataset, (), split, everyone)
    if not len(people):
        cure = "EVERYONE=1 takes the others along" if people.left_out else "make status shows what there is"
        raise StoreError(f"{dataset}: holds nobody usable{f' in split {split}' if split else ''}. {cure}")
    store = Store(root)
    people = People.load(root, dataset, _arrays(store, dataset, words), split, everyone)
    shards = np.zeros(len(people.manifest), dtype=np.int64)
    for block in store.layout(dataset).blocks():
        shards[block.rows] = block.number
    return Exported(people, shards[people.rows], split)


def _arrays(store: Store, dataset: str, words: Sequence[str]) -> list[str]:
    asked = words or sorted(store.in_use(dataset))
    features = store.features(dataset, [word.partition("/")[0] for word in asked])
    every = [[word] if "/" in word else [f"{word}/{name}" for name in features[word].arrays] for word in asked]
    return list(dict.fromkeys(word for found in every for word in found))


def _closed(people: People) -> People:
    """The same people of features that have no shard open; words of one feature share it."""
    fresh = {id(one.feature): copy(one.feature) for one in people.features.values()}
    columns = {word: Aligned(fresh[id(one.feature)], one.array, one.rows) for word, one in people.features.items()}
    return replace(people, features=Columns(columns))
