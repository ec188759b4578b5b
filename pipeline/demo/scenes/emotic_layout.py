"""Planned scenes as EMOTIC's own Annotations.mat: nested structs, cells of names, one opinion per annotator."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.scenes.plan import SPLITS, PersonPlan, ScenePlan

_HEADER: Final = b"MATLAB 5.0 MAT-file, demo scenes in EMOTIC's layout"
_HEADER_BYTES: Final = 116


def annotations_mat(plans: Sequence[ScenePlan]) -> bytes:
    """The bytes of an Annotations.mat with `train`, `val` and `test`; the same plans give the same bytes.

    A split without scenes is an empty struct array. Uncompressed, and without the date that such files carry.
    """
    from scipy.io import savemat

    splits = {name: _structs([_image(plan) for plan in plans if plan.split == name]) for name, _ in SPLITS}
    buffer = io.BytesIO()
    savemat(buffer, splits, do_compression=False, long_field_names=True)  # type: ignore[arg-type]
    return _HEADER.ljust(_HEADER_BYTES) + buffer.getvalue()[_HEADER_BYTES:]


def _image(plan: ScenePlan) -> dict[str, Any]:
    width, height = plan.size
    database = plan.folder.split("/")[0]
    number = int(plan.filename[:6], 16)
    return {
        "filename": plan.filename,
        "folder": plan.folder,
        "image_size": _structs([{"n_col": width, "n_row": height}]),
        "original_database": _structs([{"name": database, "info": _structs([{"image_id": number}])}]),
        "person": _structs([_person(person, plan.split == "train") for person in plan.persons]),
    }


def _person(person: PersonPlan, train: bool) -> dict[str, Any]:
    box = np.array([person.box], np.float64)
    who = {"gender": person.gender, "age": person.age}
    if train:
        categories = _structs([{"categories": _cell(person.categories)}])
        return {
            "body_bbox": box,
            "annotations_categories": categories,
            "annotations_continuous": _structs([_vad(person.vad)]),
            **who,
        }
    return {
        "body_bbox": box,
        "annotations_categories": _structs([{"categories": _cell(told)} for told, _ in person.annotators]),
        "combined_categories": _cell(person.categories),
        "annotations_continuous": _structs([_vad(vad) for _, vad in person.annotators]),
        "combined_continuous": _structs([_vad(person.vad)]),
        **who,
    }


def _vad(vad: tuple[int, int, int]) -> dict[str, float]:
    return dict(zip(("valence", "arousal", "dominance"), map(float, vad), strict=True))


def _cell(words: Sequence[str]) -> NDArray[np.object_]:
    cell = np.empty((1, len(words)), object)
    cell[0] = words
    return cell


def _structs(rows: Sequence[Mapping[str, Any]]) -> NDArray[Any]:
    """A 1 x n struct array; all rows have the fields of the first."""
    fields = list(rows[0]) if rows else ["filename", "folder", "image_size", "original_database", "person"]
    table = np.empty((1, len(rows)), [(field, object) for field in fields])
    for column, row in enumerate(rows):
        for field in fields:
            table[field][0, column] = float(row[field]) if isinstance(row[field], int) else row[field]
    return table
