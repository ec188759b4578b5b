"""What the mapping of labels makes of a dataset: people of each class and split, beside the published counts."""

from typing import Any

import numpy as np

from cache.errors import ConfigError
from cache.manifest import OK, SPLITS, Manifest
from heads import papers
from heads.protocols import one_shot
from heads.tables import aligned, percent

COLUMNS = ("class", "", *SPLITS, "all", "share %", "published", "share %")


def tables(manifest: Manifest, rules: one_shot.Rules) -> dict[str, list[dict[str, Any]]]:
    """Protocol -> one line a class: ``name``, ``seen``, people by split, and ``published`` ones where there are any.

    Every usable person is counted, whatever split the protocol takes it from. A protocol whose categories the dataset
    lacks is left out.
    """
    out = {}
    splits = np.array(manifest.splits)
    for protocol in rules.names():
        try:
            task = one_shot.apply(protocol, manifest, rules)
        except ConfigError:
            continue
        known = [
            one.test for one in papers.read().people if (one.dataset, one.protocol) == (manifest.dataset, protocol)
        ]
        names = task.seen + task.unseen
        counts = {split: task.counts(np.flatnonzero((task.labels >= 0) & (splits == split))) for split in SPLITS}
        out[protocol] = [
            {
                "name": name,
                "seen": label < len(task.seen),
                **{split: counts[split][label] for split in SPLITS},
                "published": known[0].get(name) if known else None,
            }
            for label, name in enumerate(names)
        ]
    return out


def text(manifest: Manifest, rules: one_shot.Rules) -> str:
    """The tables as Markdown. Shares are of the unseen classes, or of the seen ones, of one protocol."""
    usable = sum(status == OK for status in manifest.statuses)
    lines = [f"{manifest.dataset} ({manifest.release}), mapping {rules.version}; {usable} usable people"]
    for protocol, classes in tables(manifest, rules).items():
        lines += ["", protocol, "", aligned([list(COLUMNS), *_body(classes)])]
    return "\n".join(lines)


def _body(classes: list[dict[str, Any]]) -> list[list[str]]:
    out = []
    for one in classes:
        kind = [other for other in classes if other["seen"] == one["seen"]]
        every, published = sum(map(_all, kind)), sum(other["published"] or 0 for other in kind)
        told = one["published"]
        out.append(
            [
                one["name"],
                "seen" if one["seen"] else "unseen",
                *(str(one[split]) for split in SPLITS),
                str(_all(one)),
                percent(_all(one) / every) if every else "",
                "" if told is None else str(told),
                "" if told is None else percent(told / published),
            ]
        )
    return out


def _all(one: dict[str, Any]) -> int:
    return sum(one[split] for split in SPLITS)
