"""What the mapping of labels makes of a dataset: people of each class, under every tie rule, beside the published."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache import config
from cache.config import Settings
from cache.errors import ConfigError
from cache.manifest import OK, SPLITS, Manifest
from heads.protocols._one_shot.mapping import TIES, Labelled, Rules, labelled
from heads.text import aligned, percent

PUBLISHED = Path(__file__).with_name("published.toml")


class PublishedPeople(Settings):
    """A published test set. test: class -> people."""

    source: str
    dataset: str
    protocol: str
    test: dict[str, int]


class _Published(Settings):
    people: tuple[PublishedPeople, ...]


@cache
def _every() -> tuple[PublishedPeople, ...]:
    return config.load(PUBLISHED, _Published).people


def published(dataset: str, word: str) -> list[PublishedPeople]:
    """The published test sets of a dataset under a protocol's word."""
    return [one for one in _every() if (one.dataset, one.protocol) == (dataset, word)]


def text(manifest: Manifest, rules: Rules) -> str | None:
    """A table for each protocol: people by split under the mapping's own tie rule, then all people and their shares
    under every rule, then the published ones. Shares are of the unseen classes, or of the seen ones, of one protocol.

    Every usable person is counted, whatever split the protocol takes it from. A protocol whose categories or
    levels the dataset lacks is left out; None when all are.
    """
    usable = sum(status == OK for status in manifest.statuses)
    lines = [f"{manifest.dataset} ({manifest.release}), mapping {rules.version}; {usable} usable people"]
    for word in rules.names():
        try:
            found = _by_rule(word, manifest, rules)
        except ConfigError:
            continue
        if word not in rules.unseen and not (found[rules.ties].labels >= 0).any():
            continue
        lines += ["", word, "", aligned(_table(word, manifest, rules, found)), *_warnings(word, rules, found)]
    return "\n".join(lines) if len(lines) > 1 else None


def _by_rule(word: str, manifest: Manifest, rules: Rules) -> dict[str, Labelled]:
    """Tie rule -> everybody's class, the mapping's own rule first; levels know no ties."""
    others = [ties for ties in TIES if ties != rules.ties] if word in rules.unseen else []
    return {ties: labelled(word, manifest, rules.model_copy(update={"ties": ties})) for ties in (rules.ties, *others)}


def _table(word: str, manifest: Manifest, rules: Rules, found: dict[str, Labelled]) -> list[list[str]]:
    own, splits = found[rules.ties], np.array(manifest.splits)
    known = published(manifest.dataset, word)
    rule = ["ties: " + ties for ties in found] if len(found) > 1 else ["all"]
    head = [
        "class",
        "",
        *SPLITS,
        *(part for name in (*rule, *["published"] * bool(known)) for part in (name, "share %")),
    ]
    by_split = [_counts(own, splits == split) for split in SPLITS]
    by_rule = [_counts(one, np.ones(len(splits), bool)) for one in found.values()]
    told = [np.array([one.test.get(name, 0) for name in own.seen + own.unseen]) for one in known[:1]]
    body = []
    for place, name in enumerate(own.seen + own.unseen):
        part = slice(0, len(own.seen)) if place < len(own.seen) else slice(len(own.seen), None)
        line = [name, "seen" if place < len(own.seen) else "unseen", *(str(counts[place]) for counts in by_split)]
        for counts in by_rule:
            line += [str(counts[place]), _share(counts, place, part)]
        for counts in told:
            line += [str(counts[place]), _share(counts, place, part)] if counts[place] else ["", ""]
        body.append(line)
    return [head, *body]


def _counts(one: Labelled, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.bincount(one.labels[chosen & (one.labels >= 0)], minlength=len(one.seen) + len(one.unseen))


def _share(counts: NDArray[np.int64], place: int, part: slice) -> str:
    every = counts[part].sum()
    return percent(float(counts[place] / every)) if every else ""


def _warnings(word: str, rules: Rules, found: dict[str, Labelled]) -> list[str]:
    """A line when the mapping leaves unseen classes without people, with the tie rule that would help."""
    own = found[rules.ties]
    empty = [name for name, count in zip(own.unseen, _unseen(own), strict=True) if not count]
    if not empty:
        return []
    told = "every unseen class" if len(empty) == len(own.unseen) else ", ".join(empty)
    if word not in rules.unseen:
        return ["", f"{word}: leaves {told} without people"]
    return ["", f'{word}: ties = "{rules.ties}" leaves {told} without people. {_helping(rules, found, empty)}']


def _unseen(one: Labelled) -> NDArray[np.int64]:
    """People of each unseen class."""
    return _counts(one, np.ones(len(one.labels), bool))[len(one.seen) :]


def _helping(rules: Rules, found: dict[str, Labelled], few: Sequence[str]) -> str:
    """Which other rule gives the unseen classes in ``few`` more people."""
    chosen = [found[rules.ties].unseen.index(name) for name in few]
    people = {ties: int(_unseen(one)[chosen].sum()) for ties, one in found.items()}
    better = sorted((ties for ties in found if people[ties] > people[rules.ties]), key=lambda ties: -people[ties])
    if not better:
        return "No other tie rule gives them more"
    told = ", ".join(f'"{ties}" {people[ties]}' for ties in better)
    return f"Other rules give them more people: {told}. Set ties in a MAPPING of your own"


def advice(word: str, manifest: Manifest, rules: Rules, few: Sequence[str]) -> list[str]:
    """Which tie rule would give the unseen classes in ``few`` more people, as part of an error; none for levels."""
    if word not in rules.unseen:
        return []
    return [f'the mapping has ties = "{rules.ties}". {_helping(rules, _by_rule(word, manifest, rules), few)}']
