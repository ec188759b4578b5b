"""Who made the shards of a feature: days, code, packages. Beside ``feature.json``, as ``makings.json``.

None of it is part of the fingerprint or of a shard, so equal rows stay equal bytes. It is written before the shards
are, so that a run that is killed leaves none of unknown origin; what a killed retry was going to do is told as done.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

from cache.errors import StoreError
from cache.files import read_json, replace_text
from cache.fingerprint import fingerprint

NAME = "makings.json"


@dataclass(frozen=True)
class Making:
    """One or more runs of the same code on the same packages.

    release: the version of affect-cache. device: what the networks ran on, in words. code: file -> digest of its code.
    packages: name -> version. first, last: days in UTC, as 2026-11-20. shards: their numbers.
    """

    release: str
    device: str
    code: dict[str, str]
    packages: dict[str, str]
    first: str
    last: str
    shards: frozenset[int] = frozenset()

    def is_like(self, other: "Making") -> bool:
        """Whether nothing differs but days and shards."""
        return replace(other, first=self.first, last=self.last, shards=self.shards) == self


def makings(folder: Path) -> list[Making]:
    """Of the feature in ``folder``, the oldest first; none where nothing is known.

    Raises: StoreError when the file is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return []
    told = read_json(path)
    try:
        if told.pop("seal") != fingerprint(told):
            raise ValueError("changed after it was written")
        return [_making(one) for one in told["makings"]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        cure = "make repair removes it: who made the shards is then not known, their rows are as they were"
        raise StoreError(f"{path}: not a record of makings ({error!r}). {cure}") from None


def record(folder: Path, now: Making, whole: Iterable[int], parts: Iterable[int] = ()) -> None:
    """Say that ``now`` makes the shards ``whole``, which nobody else has made then, and some rows of ``parts``. Call it
    under the dataset's lock. Raises: StoreError."""
    whole = frozenset(whole)
    kept = [replace(one, shards=one.shards - whole) for one in makings(folder)]
    for place, one in enumerate(kept):
        if one.is_like(now):
            first, last = min(one.first, now.first), max(one.last, now.last)
            kept[place] = replace(one, first=first, last=last, shards=one.shards | whole | frozenset(parts))
            break
    else:
        kept.append(replace(now, shards=whole | frozenset(parts)))
    told = {"makings": [_document(one) for one in kept if one.shards]}
    text = json.dumps(told | {"seal": fingerprint(told)}, indent=2, sort_keys=True) + "\n"
    if not (folder / NAME).exists() or (folder / NAME).read_text(encoding="utf-8") != text:
        replace_text(folder / NAME, text)


def spans(numbers: Iterable[int]) -> list[list[int]]:
    """Runs of consecutive numbers, first and last of each: 0, 1, 2, 5 are [0, 2] and [5, 5]."""
    runs = groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    grouped = [[number for _, number in run] for _, run in runs]
    return [[run[0], run[-1]] for run in grouped]


def _document(one: Making) -> dict[str, Any]:
    return asdict(one) | {"shards": spans(one.shards)}


def _making(told: dict[str, Any]) -> Making:
    """Raises: KeyError, TypeError, AttributeError or ValueError for what is none."""
    texts = {name: str(told[name]) for name in ("release", "device", "first", "last")}
    for day in (texts["first"], texts["last"]):
        date.fromisoformat(day)
    maps = {name: {str(key): str(value) for key, value in told[name].items()} for name in ("code", "packages")}
    return Making(**texts, **maps, shards=frozenset(_numbers(told["shards"])))  # type: ignore[arg-type]


def _numbers(told: Sequence[Sequence[int]]) -> Iterable[int]:
    for first, last in told:
        yield from range(first, last + 1)
