"""What became of each person: the annotation's word, and every feature that has no row for him, with its reason."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cache.feature import Feature
from cache.manifest import OK, Manifest

PENDING = "pending"
"""Of rows that were not extracted yet."""


class Entry(NamedTuple):
    """feature: its name, "" for the annotation. status: a word. message: the reason."""

    feature: str
    status: str
    message: str


@dataclass(frozen=True)
class Ledger:
    """entries: row of the manifest -> what is not as it should be; rows without any are left out."""

    manifest: Manifest
    entries: Mapping[int, list[Entry]]

    @classmethod
    def read(cls, manifest: Manifest, features: Mapping[str, Feature]) -> "Ledger":
        """Of all ``features``, an image's failure for each of its people. Raises: StoreError, ShardError."""
        found: dict[int, list[Entry]] = defaultdict(list)
        for row, (status, reason) in enumerate(zip(manifest.statuses, manifest.reasons, strict=True)):
            if status != OK:
                found[row].append(Entry("", status, reason))
        rows = _rows(manifest)
        for feature in features.values():
            for failure in feature.failures():
                for row in rows[failure.key]:
                    found[row].append(Entry(feature.name, failure.status.word, failure.message))
            for block in feature.layout.blocks():
                if feature.header(block) is None:
                    for key in feature.layout.keys(block, feature.granularity):
                        for row in rows[key]:
                            found[row].append(Entry(feature.name, PENDING, "not extracted yet: run make extract"))
        return cls(manifest, found)

    def words(self, row: int) -> list[str]:
        """The statuses of a person, each once; ``ok`` alone where there is nothing to tell."""
        return list(dict.fromkeys(entry.status for entry in self.entries.get(row, ()))) or [OK]


def _rows(manifest: Manifest) -> dict[str, list[int]]:
    """Key of a person, and of an image -> rows."""
    found: dict[str, list[int]] = defaultdict(list)
    for row, (key, image) in enumerate(zip(manifest.keys, manifest.images, strict=True)):
        found[image].append(row)
        if key != image:
            found[key].append(row)
    return found
