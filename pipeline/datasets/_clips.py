"""The manifest's rows of a dataset of clips, and what is to be said of all of them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cache.errors import DataError, nearest, shown
from cache.manifest import BAD_BOX, NO_LABEL, OK, OTHER_SPLIT, OUTSIDE_ROOT, SPLITS, TOO_SMALL, Row
from pipeline.datasets import _videos
from pipeline.datasets._rows import clamped
from pipeline.datasets._videos import Film, Span, Tracked
from pipeline.decoding.boxes import too_small
from pipeline.decoding.paths import inside, refused

UNKNOWN: Final = (0, 0)
"""The span of a whole video whose frames cannot be counted."""


@dataclass(frozen=True)
class Clip:
    """One sample as an annotation names it: a person in some frames of a video.

    place: the file and where in it, for errors. video: path below the root. person: number within the video. span:
    first and last frame, both included, None for the whole video. box: xyxy pixels that hold for all frames, () for
    the whole frame. track: the file that says more, path below the root. categories, vad, gender, age, extra, scores:
    see ``cache.manifest.Row``. remarks: what is wrong with the labels.
    """

    place: str
    video: str
    split: str
    person: int = 0
    span: Span | None = None
    box: tuple[float, ...] = ()
    track: str = ""
    categories: tuple[str, ...] = ()
    vad: tuple[float, float, float] = (math.nan,) * 3
    gender: str = ""
    age: str = ""
    extra: str = ""
    scores: tuple[float, ...] = ()
    remarks: tuple[str, ...] = ()


def paths_of(root: Path, clips: Sequence[Clip]) -> tuple[list[str], list[str]]:
    """The videos and the tracks that lie inside ``root``, each once, in the order of the annotation."""
    return _inside(root, [clip.video for clip in clips]), _inside(root, [clip.track for clip in clips if clip.track])


def _inside(root: Path, paths: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(path for path in (_path(root, one)[0] for one in paths) if path))


def _path(root: Path, relative: str) -> tuple[str, str]:
    """The normal path and "", or "" and a key that leads nowhere."""
    try:
        return inside(root, relative), ""
    except DataError:
        return "", refused(relative)


class Clips:
    """Rows of ``clips``, whose videos and tracks are looked at once each.

    A video that stands in several splits is kept by test before val, and by val before train, as photographs are.
    Raises: DataError for a category that is not in the vocabulary, for a sample that stands twice, and when no video
    can be read.
    """

    def __init__(self, root: Path, clips: Sequence[Clip], vocabulary: Collection[str], max_pixels: int) -> None:
        self._root, self._clips, self._vocabulary = root, clips, frozenset(vocabulary)
        self._films = _videos.films(root, paths_of(root, clips)[0], max_pixels)
        self._notes = _videos.notes(root, self._films)
        self._check()
        self._splits: dict[str, set[str]] = defaultdict(set)
        for clip in clips:
            self._splits[self._key(clip)].add(clip.split)
        self._given = {(self._key(one), one.person, self._whole(one)) for one in clips if one.span is None}
        spans = [self._span(clip) for clip in clips]
        self._cut = [place for place, clip in enumerate(clips) if clip.span and clip.span != spans[place]]
        self._tracks = self._tracked(spans)
        self._clamped = 0
        self._partly: list[str] = []
        self.rows: list[Row] = [self._row(clip, span) for clip, span in zip(clips, spans, strict=True)]

    def notes(self) -> list[str]:
        """What happened to videos, spans and boxes, one line each."""
        notes = list(self._notes)
        if self._cut:
            first = self._clips[self._cut[0]].place.rpartition("/")[2]
            text = "samples whose last frame is beyond their video's, cut to it"
            notes.append(f"{text}: {len(self._cut)}, first {first}")
        if self._partly:
            text = (
                "samples whose joints are not of all their frames, or of more than the video has, as their reasons tell"
            )
            notes.append(f"{text}: {len(self._partly)}, first {shown(self._partly[0])}")
        if self._clamped:
            notes.append(f"boxes that reached out of their frames, clamped (the originals are kept): {self._clamped}")
        if leaked := [video for video, splits in self._splits.items() if len(splits) > 1]:
            lost = sum(row.status == OTHER_SPLIT for row in self.rows)
            rule = f"people left out as {OTHER_SPLIT} (test keeps a video before val, val before train): {lost}"
            notes.append(f"videos that stand in two splits: {len(leaked)}, first {shown(leaked[0])}; {rule}")
        return notes

    def _check(self) -> None:
        seen: dict[tuple[str, int, Span | None], str] = {}
        for clip in self._clips:
            if strange := [word for word in clip.categories if word not in self._vocabulary]:
                known = nearest(strange[0], self._vocabulary)
                raise DataError(f"{clip.place}: unknown category {strange[0]!r}.{known}")
            first = seen.setdefault((self._key(clip), clip.person, clip.span), clip.place)
            if first is not clip.place:
                text = f"person {clip.person} of {shown(clip.video)} with the same frames stands in {first} already"
                raise DataError(f"{clip.place}: {text}")
        self._asked = frozenset(seen)

    def _key(self, clip: Clip) -> str:
        path, outside = _path(self._root, clip.video)
        return path or outside

    def film(self, clip: Clip) -> Film:
        """Its video."""
        return self._films.get(self._key(clip), Film())

    def _span(self, clip: Clip) -> Span:
        """Cut to the video, where no other sample is called so."""
        if clip.span is None:
            return self._whole(clip)
        named, (first, last) = (self._key(clip), clip.person), clip.span
        cut = (first, min(last, self.film(clip).frames - 1))
        taken = cut != clip.span and ((*named, cut) in self._asked or (*named, cut) in self._given)
        span = clip.span if taken or not 0 <= first <= cut[1] else cut
        self._given.add((*named, span))
        return span

    def _whole(self, clip: Clip) -> Span:
        frames = self.film(clip).frames
        return (0, frames - 1) if frames else UNKNOWN

    def _tracked(self, spans: Sequence[Span]) -> dict[str, Tracked]:
        asked: dict[str, list[tuple[int, Span]]] = defaultdict(list)
        for clip, span in zip(self._clips, spans, strict=True):
            if clip.track and (path := _path(self._root, clip.track)[0]):
                asked[path].append((clip.person, span))
        return _videos.tracked(self._root, asked)

    def _row(self, clip: Clip, span: Span) -> Row:
        path, outside = _path(self._root, clip.video)
        film, track = self.film(clip), _path(self._root, clip.track)[0] if clip.track else ""
        place = self._place(clip, span, film)
        status, reasons = (OUTSIDE_ROOT, ["its path leads out of the dataset's folder"]) if outside else place[1:]
        if status == OK and not (clip.categories or clip.scores):
            status, reasons = NO_LABEL, ["no categories"]
        keeper = max(self._splits[self._key(clip)], key=SPLITS.index)
        if status == OK and keeper != clip.split:
            status, reasons = OTHER_SPLIT, [f"the video is also in {keeper}, which keeps it"]
        if clip.span and span != clip.span:
            reasons = [*reasons, f"frames {clip.span[0]} to {clip.span[1]} annotated, the video has {film.frames}"]
        if status == OK and (partly := self._beside(track, clip.person, span, film)):
            self._partly.append(f"{clip.video}#{clip.person}")
            reasons = [*reasons, partly]
        box = place[0] if not outside else ()
        original = clip.box if len(clip.box) == 4 and all(abs(side) < 3e38 for side in clip.box) else (math.nan,) * 4
        self._clamped += bool(clip.box and box and tuple(box) != tuple(original))
        row = Row(path or outside, clip.person, clip.split, size=film.size, status=status, span=span, track=track)
        return replace(
            row,
            box=_four(box),
            original_box=_four(original),
            categories=clip.categories,
            vad=clip.vad,
            gender=clip.gender.encode(errors="replace").decode(),
            age=clip.age.encode(errors="replace").decode(),
            reason="; ".join(filter(None, (*reasons, ", ".join(clip.remarks)))),
            extra=clip.extra,
            track_digest=self._tracks[track].digest if track else "",
            scores=clip.scores,
        )

    def _beside(self, track: str, person: int, span: Span, film: Film) -> str:
        """Of which frames a person's joints are, where they are not of all that the sample has, or of more than its
        video has; else ""."""
        if not track:
            return ""
        first, last = self._tracks[track].frames[person]
        if last >= film.frames:
            return f"joints of frames {first} to {last}, the video has {film.frames}"
        return f"joints of frames {first} to {last}" if first > span[0] or last < span[1] else ""

    def _place(self, clip: Clip, span: Span, film: Film) -> tuple[tuple[float, ...], str, list[str]]:
        """The person's box, () where there is none; the status and why."""
        if film.fault:
            return (), film.status, [film.fault]
        if not 0 <= span[0] <= span[1] or span[0] >= film.frames:
            return (), BAD_BOX, [f"frames {span[0]} to {span[1]} are none of the video's, which has {film.frames}"]
        box = clip.box or (0.0, 0.0, *map(float, film.size))
        if clip.track:
            box, fault = self._of_track(clip, span)
            if fault:
                return (), BAD_BOX, [fault]
        cut, wrong = clamped(box, film.size)
        if cut is None:
            return (), BAD_BOX, [wrong.replace("the image (", "the video (")]
        return (cut, TOO_SMALL, [small]) if (small := too_small(cut)) else (cut, OK, [])

    def _of_track(self, clip: Clip, span: Span) -> tuple[tuple[float, ...], str]:
        path, _ = _path(self._root, clip.track)
        if not path:
            return (), f"{shown(clip.track)} leads out of the dataset's folder"
        if fault := self._tracks[path].fault:
            return (), f"{shown(clip.track)}: {fault}"
        box = (self._tracks[path].boxes or {})[clip.person, span]
        return box, "" if box else f"nothing of person {clip.person} is seen in frames {span[0]} to {span[1]}"


def _four(box: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box or (math.nan,) * 4
    return (x1, y1, x2, y2)
