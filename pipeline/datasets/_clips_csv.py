"""clips.csv: one row is one person in some frames of a video. The columns that labels.csv has too are read as there."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cache.errors import DataError, shown
from pipeline.datasets import _csv
from pipeline.datasets._clips import Clip
from pipeline.datasets._csv import Record
from pipeline.datasets._people import VAD, rated
from pipeline.datasets._table_columns import Header, check_splits, understood
from pipeline.datasets._table_csv import MARKS, box_of, labels_of, path_of, rating, splits_of
from pipeline.datasets._videos import Span
from pipeline.decoding.box_forms import to_xyxy

OWN: Final = ("person", "first", "last", "joints")
"""Columns beside those of labels.csv, all optional."""
_ALIKE: Final = {
    "first": re.compile(r"((start|begin|from|min)_?frame|frame_?(start|begin|from|min)|start|begin|from|first_?frame)"),
    "last": re.compile(r"((end|stop|to|max)_?frame|frame_?(end|stop|to|max)|end|stop|to|last_?frame|frames?)"),
    "joints": re.compile(r"joint|keypoints?|key_points?|tracks?|poses?|skeletons?"),
    "person": re.compile(r"persons?|people|person_?id|track_?id"),
}
"""What others call them: not guessed, asked about."""


@dataclass(frozen=True)
class Sheet:
    """path: of the file. clips: its rows; split is "" where the file tells none. form: of the boxes. notes: about the
    file."""

    path: Path
    clips: tuple[Clip, ...]
    form: str
    notes: tuple[str, ...]


def read(root: Path, path: Path) -> Sheet:
    """Raises: DataError naming file and line."""
    header = _header(path)
    table = _csv.read_csv(path, ("image", "labels"), MARKS, lambda name: _named(name, header))
    extra = [name for name in header.extra if name not in OWN]
    if "split" not in table.columns:
        check_splits(path, {name: {record.fields[name] for record in table.records} for name in extra})
    commas = _csv.decimal_commas(table, (*header.box, *VAD))
    records: dict[str, list[Record]] = defaultdict(list)
    for record in table.records:
        records[path_of(root, record.fields["image"], record.place, "video")].append(record)
    splits = splits_of(table, records, "a video")
    form = "xywh" if header.extent else "xyxy"
    clips = [
        _clip(root, record, video, splits.get(video, ""), header, extra)
        for video, group in records.items()
        for record in group
    ]
    return Sheet(path, tuple(_numbered(clips)), form, (*_unread(header, extra), *commas))


def _named(name: str, header: Header) -> str:
    folded = name.casefold()
    return "image" if folded == "video" else folded if folded in OWN else header.names.get(name, name)


def _header(path: Path) -> Header:
    """What the columns mean; ``video`` is in the place of labels.csv's ``image``. Raises: DataError."""
    columns = _csv.columns(path, MARKS)
    folded = [name.casefold() for name in columns]
    if columns and "video" not in folded:
        raise DataError(f"{path}:1: has no column 'video'. It has {', '.join(map(shown, columns))[:300]}")
    for name in OWN:
        like = [one for one, word in zip(columns, folded, strict=True) if _ALIKE[name].fullmatch(word)]
        if name not in folded and like:
            raise DataError(f"{path}:1: column {like[0]!r} may be {name!r}. Call it so, or take it out")
    if ("first" in folded) != ("last" in folded):
        there, absent = ("first", "last") if "first" in folded else ("last", "first")
        raise DataError(f"{path}:1: has a column {there!r} and none {absent!r}. Both tell a sample's frames, from 0")
    own = {name: name for name in OWN} | {"video": "image"}
    return understood(path, [own.get(word, name) for name, word in zip(columns, folded, strict=True)])


def _unread(header: Header, extra: Sequence[str]) -> list[str]:
    notes = [note for note in header.notes if not note.startswith("other columns")]
    return notes + ([f"other columns, taken along as they are: {', '.join(map(shown, extra))[:300]}"] if extra else [])


def _clip(root: Path, record: Record, video: str, split: str, header: Header, extra: Sequence[str]) -> Clip:
    box, joints = box_of(record, header), record.fields.get("joints", "")
    if box and joints:
        raise DataError(f"{record.place}: has a box and joints. One of them says where the person is")
    valence, arousal, dominance = (rating(record.place, name, record.number(name)) for name in VAD)
    return Clip(
        place=record.place,
        video=video,
        split=split,
        person=-1 if (person := _whole(record, "person")) is None else person,
        span=_span(record),
        box=_corners(record, box, header),
        track=path_of(root, joints, record.place, "joints") if joints else "",
        categories=labels_of(record),
        vad=rated((valence, arousal, dominance))[0],
        gender=record.fields.get("gender", ""),
        age=record.fields.get("age", ""),
        extra=json.dumps({name: record.fields[name] for name in extra}) if extra else "",
    )


def _corners(record: Record, box: tuple[float, ...], header: Header) -> tuple[float, ...]:
    """xyxy. Raises: DataError for a box that is none in any frame."""
    for low, high in ((0, 2), (1, 3)) if box else ():
        least = 0 if header.extent else box[low]
        if box[high] <= least:
            names = header.box[low], header.box[high]
            said = f"{names[1]}={box[high]:g} is not above {'0' if header.extent else f'{names[0]}={least:g}'}"
            raise DataError(f"{record.place}: {said}. A box is {', '.join(header.box)}")
    return to_xyxy(box, "xywh", (0, 0)) if box and header.extent else box


def _span(record: Record) -> Span | None:
    first, last = _whole(record, "first"), _whole(record, "last")
    if first is None and last is None:
        return None
    if first is None or last is None:
        blank = "first" if first is None else "last"
        raise DataError(f"{record.place}: {blank} is blank and the other is not. Both blank mean the whole video")
    if first > last:
        raise DataError(f"{record.place}: first={first} is after last={last}")
    return first, last


def _whole(record: Record, name: str) -> int | None:
    """None for a blank. Raises: DataError."""
    if not record.fields.get(name):
        return None
    value = record.number(name)
    if value != int(value) or not 0 <= value < 1 << 31:
        raise DataError(f"{record.place}: {name} {record.fields[name]!r} is no whole number from 0")
    return int(value)


def _numbered(clips: Sequence[Clip]) -> list[Clip]:
    """Rows without a person's number are the people of their video and frames in order. Raises: DataError for such rows
    beside others of the same video, and for two that say the same of where the person is."""
    told = {clip.video for clip in clips if clip.person >= 0}
    count: Counter[tuple[str, Span | None]] = Counter()
    seen: dict[tuple[object, ...], str] = {}
    out = []
    for clip in clips:
        if clip.person >= 0:
            out.append(clip)
            continue
        if clip.video in told:
            raise DataError(f"{clip.place}: person is blank, and not in other rows of {shown(clip.video)}")
        first = seen.setdefault((clip.video, clip.span, clip.box, clip.track), clip.place)
        if first is not clip.place:
            text = f"{shown(clip.video)} with the same frames and place stands in {first} already"
            raise DataError(f"{clip.place}: {text}. One row is one person; separate several labels by ;")
        if clip.track:
            raise DataError(f"{clip.place}: joints are of several people: say which in a column person")
        out.append(replace(clip, person=count[clip.video, clip.span]))
        count[clip.video, clip.span] += 1
    return out
