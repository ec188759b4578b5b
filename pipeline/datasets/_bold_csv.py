"""BoLD's tables of samples: with or without a header, with or without labels."""

from __future__ import annotations

import json
import math
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cache.errors import DataError, nearest
from pipeline.datasets._clips import Clip
from pipeline.datasets._csv import Record, Table, read_either
from pipeline.datasets._people import VAD, rated

CATEGORIES: Final = (
    *("Peace", "Affection", "Esteem", "Anticipation", "Engagement", "Confidence", "Happiness", "Pleasure"),
    *("Excitement", "Surprise", "Sympathy", "Doubt/Confusion", "Disconnect", "Fatigue", "Embarrassment", "Yearning"),
    *("Disapproval", "Aversion", "Annoyance", "Anger", "Sensitivity", "Sadness", "Disquietment", "Fear", "Pain"),
    "Suffering",
)
POSITIVE: Final = 0.5
"""From this share of the annotators on, a sample is of a category."""
SAMPLE: Final = ("video", "person_id", "min_frame", "max_frame")
ABOUT: Final = ("gender", "age", "ethnicity", "annotation_confidence")
LABELLED: Final = (*SAMPLE, *CATEGORIES, *VAD, *ABOUT)
HEADLESS: Final = {len(LABELLED): LABELLED, len(SAMPLE): SAMPLE, len(SAMPLE + ABOUT): (*SAMPLE, *ABOUT)}
"""The columns of a table without a header, by their number."""
_NAMES: Final = {name.casefold(): name for name in LABELLED} | {
    "disconnection": "Disconnect",
    "doubt": "Doubt/Confusion",
    "doubt_confusion": "Doubt/Confusion",
    "confidence_score": "annotation_confidence",
}


def read(path: Path, split: str, videos: str, joints: str) -> list[Clip]:
    """The samples of one table. videos, joints: the folders below the root.

    Raises: DataError naming the file and the line.
    """
    table = read_either(path, SAMPLE, HEADLESS, _is_header, lambda name: _NAMES.get(name.casefold(), name))
    _check_columns(table)
    return [_clip(record, split, videos, joints) for record in table.records]


def _is_header(fields: Sequence[str]) -> bool:
    """Whether the second field, a person's number in a row, is none."""
    return len(fields) > 1 and not fields[1].strip().isdecimal()


def _check_columns(table: Table) -> None:
    if strange := [name for name in table.columns if name not in LABELLED]:
        raise DataError(f"{table.path}:1: unknown column {strange[0]!r}.{nearest(strange[0], LABELLED)}")
    labels = [name for name in (*CATEGORIES, *VAD) if name in table.columns]
    if labels and len(labels) < len(CATEGORIES) + len(VAD):
        absent = next(name for name in (*CATEGORIES, *VAD) if name not in table.columns)
        raise DataError(
            f"{table.path}:1: has the column {labels[0]!r} and none {absent!r}. A table has all labels or none"
        )


def _clip(record: Record, split: str, videos: str, joints: str) -> Clip:
    video = record.fields["video"]
    if not video:
        raise DataError(f"{record.place}: video is empty")
    suffix = posixpath.splitext(video)[1]
    person, first, last = (_whole(record, name) for name in SAMPLE[1:])
    scores = _scores(record)
    vad, remarks = rated([record.number(name) for name in VAD])
    return Clip(
        place=record.place,
        video=f"{videos}/{video}",
        split=split,
        person=person,
        span=(first, last),
        track=f"{joints}/{video[: len(video) - len(suffix)]}.npy",
        categories=tuple(name for name, score in zip(CATEGORIES, scores, strict=False) if score >= POSITIVE),
        vad=vad,
        gender=record.fields.get("gender", ""),
        age=record.fields.get("age", ""),
        extra=_extra(record, bool(scores)),
        scores=scores,
        remarks=remarks if scores else (),
    )


def _whole(record: Record, name: str) -> int:
    value = record.number(name)
    if math.isnan(value) or value != int(value) or not 0 <= value < 1 << 31:
        raise DataError(f"{record.place}: {name} {record.fields[name]!r} is no whole number from 0")
    return int(value)


def _scores(record: Record) -> tuple[float, ...]:
    """The shares in the order of CATEGORIES; () in a table without labels."""
    if CATEGORIES[0] not in record.fields:
        return ()
    scores = tuple(record.number(name) for name in CATEGORIES)
    for name, score in zip(CATEGORIES, scores, strict=True):
        if not 0 <= score <= 1:  # nor is a blank
            raise DataError(f"{record.place}: {name} {record.fields[name]!r} is no share of annotators from 0 to 1")
    return scores


def _extra(record: Record, labelled: bool) -> str:
    """What else is told; of a sample without labels also its words, which a submission repeats."""
    names = ABOUT[2:] if labelled else (*SAMPLE, *ABOUT[2:])
    told = {name: record.fields[name] for name in names if record.fields.get(name)}
    return json.dumps(told) if told else ""
