"""People of a dataset beside their features: what ``affect_cache.load`` gives."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cache.aligned import Aligned, Index, full_name
from cache.errors import ConfigError, NoStore, NotInstalled, unknown
from cache.manifest import OK, SPLITS, Manifest
from cache.store import Store

if TYPE_CHECKING:
    from pandas import DataFrame

COORDINATES, DIMENSIONS = ("x1", "y1", "x2", "y2"), ("valence", "arousal", "dominance")
TAKEN = frozenset(
    {
        "key",
        "path",
        "split",
        "status",
        "labels",
        "multi_hot",
        "vad",
        "boxes",
        "missing",
        "place",
        *COORDINATES,
        *DIMENSIONS,
    }
)
"""Names of columns, here and in a torch Dataset, that no feature's word may be."""


class Columns(dict[str, Aligned]):
    """Arrays by the words they were asked by. Another word is told with the nearest."""

    def __missing__(self, word: str) -> Aligned:
        """Raises: UnknownName, which is a KeyError."""
        raise unknown("feature among those that were loaded:", word, self)


@dataclass(frozen=True, eq=False, repr=False)
class People:
    """n people, all columns in one order: that of the manifest.

    manifest: of the whole dataset. rows: (n,) theirs in it. features: by the words they were asked by, (n, ...) each,
    not read yet. left_out: how many people of the split are not here, by what is wrong with them in the annotation.
    """

    manifest: Manifest
    rows: NDArray[np.int64]
    features: Columns
    left_out: Mapping[str, int]

    @classmethod
    def load(
        cls, root: Path, dataset: str, words: Iterable[str] = (), split: str | None = None, everyone: bool = False
    ) -> Self:
        """People of ``split`` (None: of all), the usable ones or ``everyone``. Reads the manifest, and of the features
        that are asked for their descriptions and the first page of each shard.

        Raises: NoStore; UnknownName for a dataset, split or array; NoFeature; ConfigError for the name of another
        column; StoreError for a feature that is not wholly extracted.
        """
        if not root.is_dir():
            raise NoStore(f"{root}: no such folder. Name the one that make extract wrote to: STORE=, by default store")
        if split is not None and split not in SPLITS:
            raise unknown("split", split, SPLITS)
        asked = {word: full_name(word).partition("/") for word in words}
        features = Store(root).features(dataset, [name for name, _, _ in asked.values()])
        rows, left_out = _people(features.manifest, split, everyone)
        columns = Columns()
        for word, (name, _, array) in asked.items():
            if word in TAKEN:
                raise ConfigError(f"feature {word!r} has the name of another column. Ask for {full_name(word)!r}")
            columns[word] = Aligned(features[name], array, rows)
            columns[word].feature.check(rows)
        return cls(features.manifest, rows, columns, left_out)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Index) -> Self:
        """Some of them, by a slice, their places or a mask: ``people[~people.missing]``. Nothing is read."""
        if isinstance(index, str | int | np.integer):
            raise TypeError(
                f"people[{index!r}]: some people are chosen here. A feature's rows are people.features[word]"
            )
        columns = Columns({word: column.take(index) for word, column in self.features.items()})
        return replace(self, rows=self.rows[index], features=columns)

    def __repr__(self) -> str:
        told = [f"{word} {column.shape[1:]} {column.dtype}" for word, column in self.features.items()]
        told += [f"UNTRAINED: {', '.join(self.untrained)}"] if self.untrained else []
        told += (
            ["left out: " + ", ".join(f"{status} {n}" for status, n in self.left_out.items())] if self.left_out else []
        )
        return f"<{self.manifest.dataset}: {len(self)} people{''.join(f'; {one}' for one in told)}>"

    @cached_property
    def keys(self) -> list[str]:
        """(n,) ``path#k``."""
        return self._texts(self.manifest.keys)

    @cached_property
    def paths(self) -> list[str]:
        """(n,) of their images, relative to the dataset's root."""
        return self._texts(self.manifest.images)

    @cached_property
    def splits(self) -> list[str]:
        """(n,) train, val or test."""
        return self._texts(self.manifest.splits)

    @cached_property
    def statuses(self) -> list[str]:
        """(n,) what the annotation makes of each person: ``ok``, other words only where ``everyone`` was asked for."""
        return self._texts(self.manifest.statuses)

    @property
    def category_names(self) -> tuple[str, ...]:
        """(C,) names of the labels."""
        return self.manifest.category_names

    @cached_property
    def multi_hot(self) -> NDArray[np.uint8]:
        """(n, C) 1 where a person has the label."""
        return self.manifest.categories[self.rows]

    @cached_property
    def labels(self) -> list[tuple[str, ...]]:
        """(n,) each person's labels by name."""
        return [tuple(self.category_names[place] for place in np.flatnonzero(row)) for row in self.multi_hot]

    @cached_property
    def vad(self) -> NDArray[np.float32]:
        """(n, 3) valence, arousal, dominance, 1..10; NaN where unknown."""
        return self.manifest.vad[self.rows]

    @cached_property
    def boxes(self) -> NDArray[np.float32]:
        """(n, 4) x1, y1, x2, y2 in pixels, clamped to the image."""
        return self.manifest.boxes[self.rows]

    @cached_property
    def extras(self) -> list[dict[str, str]]:
        """(n,) what else the annotation says of each person, by its own names; {} where it says nothing more."""
        texts = self._texts(self.manifest.extras) if self.manifest.extras else [""] * len(self)
        return [json.loads(text) if text else {} for text in texts]

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """(n,) True where one of the features has no value. Only shards with such rows are opened for it."""
        missing = np.zeros(len(self), dtype=bool)
        for column in self.features.values():
            missing |= column.missing
        return missing

    @property
    def untrained(self) -> tuple[str, ...]:
        """The words of features by networks that were not trained: numbers made from them are no results."""
        return tuple(word for word, column in self.features.items() if not column.feature.trained)

    def numpy(self) -> dict[str, NDArray[Any]]:
        """Everything in memory, by name: the features by their words, key, path, split, status, multi_hot, vad, boxes,
        missing. The arrays are the caller's own: to write into them changes nobody."""
        return {
            **{name: np.array(texts, dtype=str) for name, texts in self._told().items()},
            "multi_hot": self.multi_hot.copy(),
            "vad": self.vad.copy(),
            "boxes": self.boxes.copy(),
            "missing": self.missing.copy(),
            **{word: column.numpy() for word, column in self.features.items()},
        }

    def arrow(self) -> pa.Table:
        """Everything as a table: key, path, split, status, labels (lists of names), valence, arousal, dominance, x1,
        y1, x2, y2, missing, and each feature as fixed-size lists in the stored dtype."""
        return pa.table(
            {
                **{name: pa.array(texts, pa.string()) for name, texts in self._told().items()},
                "labels": pa.array(self.labels, pa.list_(pa.string())),
                **dict(zip(DIMENSIONS, map(pa.array, self.vad.T.copy()), strict=True)),
                **dict(zip(COORDINATES, map(pa.array, self.boxes.T.copy()), strict=True)),
                "missing": pa.array(self.missing),
                **{word: _lists(column.numpy()) for word, column in self.features.items()},
            }
        )

    def pandas(self) -> "DataFrame":
        """The columns of ``arrow``; a person's feature is a numpy array. Raises: NotInstalled without pandas."""
        try:
            return self.arrow().to_pandas()
        except ModuleNotFoundError as error:
            raise NotInstalled(f"{error.name} is not installed. Run pip install pandas") from None

    def _texts(self, column: list[str]) -> list[str]:
        return [column[row] for row in self.rows.tolist()]

    def _told(self) -> dict[str, list[str]]:
        return {"key": self.keys, "path": self.paths, "split": self.splits, "status": self.statuses}


def _people(manifest: Manifest, split: str | None, everyone: bool) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Rows of the manifest, and how many people were left out, by status."""
    statuses, splits = np.array(manifest.statuses, dtype=str), np.array(manifest.splits, dtype=str)
    asked = manifest.persons >= 0
    if split is not None:
        asked &= splits == split
    kept = asked if everyone else asked & (statuses == OK)
    return np.flatnonzero(kept), dict(sorted(Counter(statuses[asked & ~kept].tolist()).items()))


def _lists(array: NDArray[Any]) -> pa.Array:
    """(n, a, b, ...) as lists of lists, each of fixed size."""
    lists = pa.array(array.reshape(-1))
    for extent in reversed(array.shape[1:]):
        lists = pa.FixedSizeListArray.from_arrays(lists, extent)
    return lists
