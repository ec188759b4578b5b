"""The samples of a dataset: keys, paths, boxes, labels, split. Every sample the annotation names, also the unusable.

One row is one person. An image without persons is one row with ``persons == -1`` and no box, so that no image is lost.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from cache.errors import DataError, StoreError
from cache.files import replace
from cache.fingerprint import canonical

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


@dataclass(frozen=True)
class Row:
    """One person as an annotation names it.

    image: path relative to the root. person: number within the image, -1 where there is none. box, original_box:
    xyxy pixels, clamped to the image and as annotated. size: width, height. categories: names. vad: 1..10, NaN where
    unknown. extra: what else the annotation says, a JSON object by its own names, "" for nothing.
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

    @property
    def key(self) -> str:
        """``path#k``, or the path alone for an image without persons."""
        return self.image if self.person < 0 else f"{self.image}#{self.person}"


@dataclass(frozen=True)
class Manifest:
    """Columns of equal length n, and what holds for all rows. See ``Row`` for the columns' meaning.

    images: (n,) paths. persons: (n,). boxes, original_boxes: (n, 4) float32. sizes: (n, 2) width, height.
    categories: (n, len(category_names)) 0/1. vad: (n, 3) float32. source: digest of the annotation and its reader.
    folder: images lie at ``<root>/<folder>/<image>``. extras: (n,), [] where no row has any; no column is stored then.
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
        """Raises: DataError naming the row: a key stands twice, a label or split is unknown, an ok box is outside."""
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
            extras=[row.extra for row in rows] if any(row.extra for row in rows) else [],
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
        buffer = pa.BufferOutputStream()
        pq.write_table(self._table(), buffer, compression="zstd")
        replace(path, [memoryview(buffer.getvalue())])

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Raises: StoreError when there is no manifest at ``path``, it is not one of this version, or was changed."""
        try:
            table = pq.read_table(path)
            about = json.loads(table.schema.metadata[b"affect-cache"])
            columns = {name: _column(table, name) for name in table.column_names}
            if about.pop("digest") != _digest(about, columns):
                raise ValueError("it was changed after it was written")
            about["category_names"], about["notes"] = tuple(about["category_names"]), tuple(about["notes"])
            return cls(**about, **columns)
        except FileNotFoundError:
            raise StoreError(f"{path}: no such manifest. Run make extract first") from None
        except (
            OSError,
            pa.ArrowException,
            LookupError,
            AttributeError,
            TypeError,
            ValueError,
            RecursionError,
        ) as error:
            raise StoreError(f"{path}: not a manifest ({' '.join(str(error).split())}). Delete it") from None

    def _table(self) -> pa.Table:
        about = {
            "dataset": self.dataset,
            "release": self.release,
            "category_names": self.category_names,
            "source": self.source,
            "folder": self.folder,
            "notes": self.notes,
        }
        columns = {name: value for name, value in vars(self).items() if name not in about}
        if not self.extras:
            del columns["extras"]
        sealed = about | {"digest": _digest(about, columns)}
        table = pa.table({name: _array(value) for name, value in columns.items()})
        return table.replace_schema_metadata({"affect-cache": json.dumps(sealed)})


def _digest(about: dict[str, Any], columns: dict[str, Any]) -> str:
    """Over every value: Parquet alone would hand out a label in which a bit was flipped."""
    state = xxhash.xxh3_128(canonical(about).encode())
    for name, value in sorted(columns.items()):
        data = value.tobytes() if isinstance(value, np.ndarray) else "\0".join(value).encode()
        state.update(f"\0{name}\0{len(value)}\0".encode() + data)
    return state.hexdigest()


def _array(value: Any) -> pa.Array:
    if not isinstance(value, np.ndarray):
        return pa.array(value, pa.string())
    return _fixed(value) if value.ndim == 2 else pa.array(value)


def _fixed(array: NDArray[Any]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])


def _column(table: pa.Table, name: str) -> Any:
    column = table.column(name).combine_chunks()
    if pa.types.is_fixed_size_list(column.type):
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), column.type.list_size)
    return column.to_pylist() if pa.types.is_string(column.type) else column.to_numpy(zero_copy_only=False)


def _check(rows: Sequence[Row], category_names: Sequence[str]) -> None:
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
        x1, y1, x2, y2 = row.box
        if row.status == OK and not (0 <= x1 < x2 <= row.size[0] and 0 <= y1 < y2 <= row.size[1]):
            raise DataError(f"{row.key}: box {cast(tuple[float, ...], row.box)} is not inside the image {row.size}")
