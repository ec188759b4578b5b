"""How annotations become seen and unseen classes: the rules of one_shot.toml, which a user's own may replace.

Source: Affect-DML, section III-A and eq. 1-2; what it leaves open is decided in the TOML.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cache.config import Settings, load
from cache.errors import ConfigError
from cache.fingerprint import digest, fingerprint
from cache.manifest import OK, Manifest
from heads.task import NOWHERE

MAPPING = Path(__file__).parent.parent / "one_shot.toml"
DIMENSIONS = ("valence", "arousal", "dominance")

Ties = Literal["seen", "unseen", "random", "drop"]
TIES: tuple[Ties, ...] = get_args(Ties)
"""What ``ties`` can be; explained in one_shot.toml."""


class Levels(Settings):
    """Levels 1..10 of one dimension that are trained on, and those to recognise."""

    seen: tuple[int, ...]
    unseen: tuple[int, ...]


class Rules(Settings):
    """How annotations become classes; the fields are explained in one_shot.toml."""

    version: int = Field(ge=1)
    ties: Ties
    rounding: Literal["half_up", "half_even", "down"]
    test_splits: tuple[Literal["train", "val", "test"], ...] = Field(min_length=1)
    seen: dict[str, tuple[str, ...]]
    unseen: dict[str, tuple[str, ...]]
    levels: dict[str, Levels] = Field(default_factory=dict)

    def names(self) -> list[str]:
        """The protocols there are: ``cat-6:6``, ``lev-7:3-valence``, ..."""
        return [*self.unseen, *(f"{split}-{dimension}" for split in self.levels for dimension in DIMENSIONS)]


def read_rules(path: Path = MAPPING) -> Rules:
    """Raises: ConfigError with every protocol that cannot be: a class without a category, a category or level that
    stands twice, a level outside 1..10, fewer than two seen or unseen classes."""
    rules = load(path, Rules)
    faults: dict[str, list[str]] = {}
    for protocol, fault in _faults(rules):
        faults.setdefault(fault, []).append(protocol)
    if faults:
        told = [f"{', '.join(protocols)}: {fault}" for fault, protocols in faults.items()]
        raise ConfigError(f"{path}: {'; '.join(told)}")
    return rules


def _faults(rules: Rules) -> Iterator[tuple[str, str]]:
    """The protocols that cannot be, each with what is wrong."""
    for name, unseen in rules.unseen.items():
        places = [(word, f"in {group}") for group, words in rules.seen.items() for word in words]
        yield from ((name, fault) for fault in _few(rules.seen, unseen))
        yield from ((name, f"seen class {group} has no category") for group, words in rules.seen.items() if not words)
        yield from ((name, f"{group} names a seen and an unseen class") for group in rules.seen if group in unseen)
        yield from ((name, fault) for fault in _twice([*places, *((word, "unseen") for word in unseen)], "category"))
    for name, levels in rules.levels.items():
        both = [*((one, "seen") for one in levels.seen), *((one, "unseen") for one in levels.unseen)]
        yield from ((name, fault) for fault in _few(levels.seen, levels.unseen))
        yield from ((name, fault) for fault in _twice([(f"level {one}", part) for one, part in both], "level"))
        yield from ((name, f"level {one} is not in 1..10") for one, _ in both if not 1 <= one <= 10)


def _few(seen: Mapping[str, object] | Sequence[int], unseen: Sequence[object]) -> Iterator[str]:
    for part, classes in (("seen", seen), ("unseen", unseen)):
        if len(classes) < 2:
            yield f"{part} classes: {len(classes)}, needs at least 2"


def _twice(places: Sequence[tuple[str, str]], kind: str) -> Iterator[str]:
    """places: each word with where it stands."""
    for word in dict.fromkeys(word for word, _ in places):
        found = [place for one, place in places if one == word]
        if len(found) > 1:
            yield f"{word} is {' and '.join(found)}, a {kind} may stand once"


@dataclass(frozen=True)
class Labelled:
    """labels: (n,) over all rows of the manifest, seen classes first, NOWHERE outside and for unusable people."""

    labels: NDArray[np.int64]
    seen: tuple[str, ...]
    unseen: tuple[str, ...]


def fingerprint_of(rules: Rules) -> str:
    """Of a mapping: another version is another, and so is the same version with another content."""
    return fingerprint(rules.model_dump(mode="json"))


def labelled(name: str, manifest: Manifest, rules: Rules) -> Labelled:
    """Everybody's class under the protocol ``name``, one of ``rules.names()``.

    Raises: ConfigError when the mapping names categories that the dataset lacks, or nobody has the levels' dimension.
    """
    if name in rules.unseen:
        seen, unseen = tuple(rules.seen), rules.unseen[name]
        labels = category_labels(manifest, list(rules.seen.values()) + [(word,) for word in unseen], len(seen), rules)
    else:
        split, _, dimension = name.rpartition("-")
        levels = rules.levels[split]
        seen, unseen = tuple(map(str, levels.seen)), tuple(map(str, levels.unseen))
        vad = manifest.vad[:, DIMENSIONS.index(dimension)]
        if np.isnan(vad).all():
            raise ConfigError(f"{manifest.dataset}: nobody has {dimension}, so there are no levels of it to learn")
        labels = level_labels(vad, levels.seen + levels.unseen, rules.rounding)
    return Labelled(np.where(np.array(manifest.statuses) == OK, labels, NOWHERE), seen, unseen)


def category_labels(manifest: Manifest, classes: list[tuple[str, ...]], seen: int, rules: Rules) -> NDArray[np.int64]:
    """Each person's class: the one that most of the person's categories belong to (eq. 1-2), or NOWHERE. (n,).

    classes: the categories of each class, seen classes first; a category of no class does not vote.
    """
    column = {word: index for index, word in enumerate(manifest.category_names)}
    if absent := sorted({word for words in classes for word in words} - set(column)):
        known = ", ".join(manifest.category_names) or "none"
        raise ConfigError(
            f"{manifest.dataset}: the mapping names {', '.join(absent)}; the dataset's categories: {known}"
        )
    members = np.zeros((len(column), len(classes)), dtype=np.int64)
    for index, words in enumerate(classes):
        members[[column[word] for word in words], index] = 1
    return vote(manifest.categories.astype(np.int64) @ members, seen, rules.ties, manifest.keys)


def vote(votes: NDArray[np.int64], seen: int, ties: Ties, keys: Sequence[str]) -> NDArray[np.int64]:
    """The class with the most votes, (n,); NOWHERE without votes. votes: (n, C), its first ``seen`` columns seen. keys:
    (n,) of the people, which decide where chance does."""
    best = votes == votes.max(axis=1, keepdims=True)
    label = best.argmax(1)
    if ties == "unseen":
        label = np.where(best[:, seen:].any(1), seen + best[:, seen:].argmax(1), label)
    if ties == "random":
        for row in np.flatnonzero(best.sum(1) > 1).tolist():
            tied = np.flatnonzero(best[row])
            label[row] = tied[int(digest(keys[row].encode())[:16], 16) % len(tied)]
    lost = (votes.max(1) == 0) | ((best.sum(1) > 1) & (ties == "drop"))
    return np.where(lost, NOWHERE, label).astype(np.int64)


def level_labels(values: NDArray[np.float32], levels: tuple[int, ...], rounding: str) -> NDArray[np.int64]:
    """Position in ``levels`` of each value, rounded and kept within 1..10; NOWHERE for NaN and other levels. (n,)."""
    exact = values.astype(np.float64)
    rounded = {"half_up": np.floor(exact + 0.5), "half_even": np.rint(exact), "down": np.floor(exact)}[rounding]
    level = np.clip(np.nan_to_num(rounded, nan=0.0), 1, 10).astype(np.int64)
    position = np.full(11, NOWHERE, dtype=np.int64)
    position[list(levels)] = np.arange(len(levels))
    return np.where(np.isnan(exact), NOWHERE, position[level])
