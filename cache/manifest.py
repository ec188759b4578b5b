"""The samples of a dataset: keys, paths, boxes, labels, split. Every sample the annotation names, also the unusable.

One row is one person. An image without persons is one row with ``persons == -1`` and no box, so that no image is lost.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pyarrow import ArrowException

from cache.columns import sealed, unsealed
from cache.errors import DataError, StoreError
from cache.files import replace

SPLITS = ("train", "val", "test")
OK, NO_LABEL, BAD_BOX, OUTSIDE_ROOT, NO_PERSON = "ok", "no_label", "bad_box", "outside_root", "no_person"
OTHER_SPLIT = "other_split"
"""Fine but for its image, which another split keeps: it has features and must not be trained on or scored."""
TOO_SMALL = "too_small"
"""The box is sound, and what it holds of the image too few pixels to show anybody."""
MISSING, BROKEN, TOO_LARGE = "missing", "broken", "too_large"
"""Of the person's image, where its header was read and told so."""
STATUSES = (OK, NO_LABEL, BAD_BOX, TOO_SMALL, MISSING, BROKEN, TOO_LARGE, OUTSIDE_ROOT, NO_PERSON, OTHER_SPLIT)
WITHOUT_BOX = frozenset({BAD_BOX, TOO_SMALL, MISSING, BROKEN, TOO_LARGE, OUTSIDE_ROOT})
"""Of these nothing can be cropped."""
_NAN4 = (float("nan"),) * 4
PHOTOGRAPH = (-1, -1)
"""The span of a row that is no clip."""
ABOUT = ("dataset", "release", "category_names", "source", "folder", "notes")
"""What is told of all rows together."""
OPTIONAL = ("extras", "spans", "tracks", "track_digests", "scores")
"""Columns that are empty, and not stored, where no row has any."""


@dataclass(frozen=True)
class Row:
    """One person as an annotation names it.

    image: path relative to the root. person: number within the image, -1 where there is none. box, original_box:
    xyxy pixels, clamped to the image and as annotated. size: width, height. categories: names. vad: 1..10, NaN where
    unknown. extra: what else the annotation says, a JSON object by its own names, "" for nothing.
    Of a person in a clip, ``image`` is the video. span: the first and the last frame of the sample, both included,
    from 0 in the order they are shown; (-1, -1) for a photograph. track: file with the person's place in each frame,
    relative as ``image`` is, and track_digest: of its bytes; "" where ``box`` holds for every frame. scores: how sure
    the annotators are of each category, in the vocabulary's order; () where they do not say.
    """

    image: str
    person: int
    split: str
    box: tuple[float, float, float, float] = _NAN4
    original_box: tuple[float, float, float, float] = _NAN4
    size: tuple[int, int] = (0, 0)
    categories: tuple[str, ...] = ()
    vad: tuple[float, float, float] = (float("nan"),) * 3
    gender: str = ""
    age: str = ""
    status: str = OK
    reason: str = ""
    extra: str = ""
    span: tuple[int, int] = PHOTOGRAPH
    track: str = ""
    track_digest: str = ""
    scores: tuple[float, ...] = ()

    @property
    def key(self) -> str:
        """``path#k``, of a clip ``path#k@first-last``; the path alone for an image without persons."""
        if self.person < 0:
            return self.image
        key = f"{self.image}#{self.person}"
        return key if self.span == PHOTOGRAPH else f"{key}@{self.span[0]}-{self.span[1]}"


@dataclass(frozen=True)
class Manifest:
    """Columns of equal length n, and what holds for all rows. See ``Row`` for the columns' meaning.

    images: (n,) paths. persons: (n,). boxes, original_boxes: (n, 4) float32. sizes: (n, 2) width, height.
    categories: (n, len(category_names)) 0/1. vad: (n, 3) float32. source: digest of the annotation and its reader.
    folder: images lie at ``<root>/<folder>/<image>``. extras, tracks, track_digests: (n,); spans: (n, 2) int32;
    scores: (n, len(category_names)) float32, NaN where a row has none. Each of these is empty where no row has any.
    """

    dataset: str
    release: str
    category_names: tuple[str, ...]
    source: str
    keys: list[str]
    images: list[str]
    persons: NDArray[np.int32]
    splits: list[str]
    boxes: NDArray[np.float32]
    original_boxes: NDArray[np.float32]
    sizes: NDArray[np.int32]
    categories: NDArray[np.uint8]
    vad: NDArray[np.float32]
    genders: list[str]
    ages: list[str]
    statuses: list[str]
    reasons: list[str]
    folder: str = ""
    notes: tuple[str, ...] = field(default=())
    extras: list[str] = field(default_factory=list)
    spans: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    tracks: list[str] = field(default_factory=list)
    track_digests: list[str] = field(default_factory=list)
    scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def clips(self) -> bool:
        """Whether the rows are people in videos."""
        return len(self.spans) > 0

    @property
    def files(self) -> str:
        """The word for what its rows are people of."""
        return "videos" if self.clips else "images"

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[Row],
        *,
        dataset: str,
        release: str,
        category_names: Sequence[str],
        source: str,
        folder: str = "",
        notes: Sequence[str] = (),
    ) -> "Manifest":
        """Raises: DataError naming the row: a key stands twice, a label or split is unknown, an ok box is outside, or
        photographs stand beside clips."""
        _check(rows, category_names)
        position = {name: index for index, name in enumerate(category_names)}
        categories = np.zeros((len(rows), len(category_names)), dtype=np.uint8)
        for number, row in enumerate(rows):
            categories[number, [position[name] for name in row.categories]] = 1
        return cls(
            dataset=dataset,
            release=release,
            category_names=tuple(category_names),
            source=source,
            keys=[row.key for row in rows],
            images=[row.image for row in rows],
            persons=np.array([row.person for row in rows], dtype=np.int32),
            splits=[row.split for row in rows],
            boxes=np.array([row.box for row in rows], dtype=np.float32).reshape(-1, 4),
            original_boxes=np.array([row.original_box for row in rows], dtype=np.float32).reshape(-1, 4),
            sizes=np.array([row.size for row in rows], dtype=np.int32).reshape(-1, 2),
            categories=categories,
            vad=np.array([row.vad for row in rows], dtype=np.float32).reshape(-1, 3),
            genders=[row.gender for row in rows],
            ages=[row.age for row in rows],
            statuses=[row.status for row in rows],
            reasons=[row.reason for row in rows],
            folder=folder,
            notes=tuple(notes),
            extras=_texts([row.extra for row in rows]),
            spans=_spans(rows),
            tracks=_texts([row.track for row in rows]),
            track_digests=_texts([row.track_digest for row in rows]),
            scores=_scores(rows, len(category_names)),
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """split -> status -> rows, in the order train, val, test; splits without rows are left out."""
        found = Counter(zip(self.splits, self.statuses, strict=True))
        return {
            split: {status: found[split, status] for status in STATUSES if found[split, status]}
            for split in SPLITS
            if any(found[split, status] for status in STATUSES)
        }

    def save(self, path: Path) -> None:
        """Write Parquet, atomically; equal manifests give equal bytes."""
        values = dict(vars(self))
        about = {name: values.pop(name) for name in ABOUT}
        kept = {name: value for name, value in values.items() if name not in OPTIONAL or len(value)}
        replace(path, [memoryview(sealed(about, kept))])

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Raises: StoreError when there is no manifest at ``path``, it is not one of this version, or was changed."""
        try:
            about, columns = unsealed(path)
            about["category_names"], about["notes"] = tuple(about["category_names"]), tuple(about["notes"])
            return cls(**about, **columns)
        except FileNotFoundError:
            raise StoreError(f"{path}: no such manifest. Run make extract first") from None
        except (OSError, ArrowException, LookupError, AttributeError, TypeError, ValueError, RecursionError) as error:
            raise StoreError(f"{path}: not a manifest ({' '.join(str(error).split())}). Delete it") from None


def _texts(texts: list[str]) -> list[str]:
    return texts if any(texts) else []


def _spans(rows: Sequence[Row]) -> NDArray[np.int32]:
    """(n, 2); (0, 2) when every row is a photograph."""
    spans = np.array([row.span for row in rows], dtype=np.int32).reshape(-1, 2)
    return spans if (spans != PHOTOGRAPH).any() else spans[:0]


def _scores(rows: Sequence[Row], categories: int) -> NDArray[np.float32]:
    """(n, categories), NaN in rows that have none; (0, 0) when no row has any."""
    scores = np.full((len(rows), categories), np.nan, dtype=np.float32)
    for number, row in enumerate(rows):
        if row.scores:
            scores[number] = row.scores
    return scores if any(row.scores for row in rows) else scores[:0, :0]


def _check_kind(rows: Sequence[Row]) -> None:
    """Raises: DataError where some rows are photographs and others clips: a shard is read as the one or the other."""
    photograph = next((row for row in rows if row.span == PHOTOGRAPH), None)
    clip = next((row for row in rows if row.span != PHOTOGRAPH), None)
    if photograph and clip:
        told = f"{photograph.key} is a photograph and {clip.key} a clip: one dataset has one of the two"
        raise DataError(f"{told}. Make two datasets, or give every photograph as a video of one frame")


def _check(rows: Sequence[Row], category_names: Sequence[str]) -> None:
    _check_kind(rows)
    names, seen = set(category_names), set[str]()
    for row in rows:
        if row.key in seen:
            raise DataError(f"{row.key}: stands twice in the annotation")
        seen.add(row.key)
        if row.split not in SPLITS:
            raise DataError(f"{row.key}: split {row.split!r} is none of {', '.join(SPLITS)}")
        if row.status not in STATUSES:
            raise DataError(f"{row.key}: status {row.status!r} is none of {', '.join(STATUSES)}")
        if strange := [name for name in row.categories if name not in names]:
            raise DataError(f"{row.key}: category {strange[0]!r} is not in the vocabulary")
        first, last = row.span
        if row.span != PHOTOGRAPH and not (row.status != OK or 0 <= first <= last):
            raise DataError(f"{row.key}: its frames {first} to {last} are none of a video's")
        if row.scores and len(row.scores) != len(names):
            raise DataError(f"{row.key}: has {len(row.scores)} scores for {len(names)} categories")
        x1, y1, x2, y2 = row.box
        if row.status == OK and not (0 <= x1 < x2 <= row.size[0] and 0 <= y1 < y2 <= row.size[1]):
            raise DataError(f"{row.key}: box {cast(tuple[float, ...], row.box)} is not inside the image {row.size}")
