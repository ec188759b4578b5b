"""Every byte of a store checked again: digests, keys, specs, agreement with the manifest."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cache.blocks import DAMAGED, damaged_blocks
from cache.errors import AffectError, ShardError, StoreError
from cache.feature import Feature
from cache.files import PARTIAL
from cache.layout import Block
from cache.makings import NAME, makings
from cache.shard import Shard
from cache.store import Store


@dataclass(frozen=True)
class Finding:
    """A file that is not what it should be, and why. Every such file may be deleted: extraction makes it again, or, of
    a record of makings, goes on without what it said."""

    path: Path
    problem: str


def verify(store: Path, dataset: str, step: Callable[[int], None] = lambda _: None) -> Iterator[Finding]:
    """Findings over all features in use; none for shards that are merely not extracted yet.

    step is called with the bytes of each file checked. Raises: UnknownName, StoreError when there is no readable
    manifest or description of the store, without which nothing can be checked.
    """
    opened = Store(store)
    for feature in opened.features(dataset).values():
        yield from verify_feature(feature, step)
    for partial in sorted(opened.folder(dataset).rglob(f"{PARTIAL}*")):
        yield Finding(partial, "left by a writer that was killed")


def verify_feature(feature: Feature, step: Callable[[int], None] = lambda _: None) -> Iterator[Finding]:
    """Findings in one feature's folder, in the order of its shards."""
    for block in feature.layout.blocks():
        path = feature.path(block)
        if path.exists():
            step(path.stat().st_size)
            if fault := problem(feature, block):
                yield Finding(path, fault)
    try:
        makings(feature.folder)
    except StoreError as error:
        yield Finding(
            feature.folder / NAME, str(error).removeprefix(f"{feature.folder / NAME}: ").partition(". make repair")[0]
        )
    for path in damaged_blocks(feature.folder):
        yield Finding(path, DAMAGED)
    for path in feature.leftovers():
        yield Finding(path, "a shard beyond the manifest's last one")


def problem(feature: Feature, block: Block) -> str:
    """What is wrong with the shard of ``block``; "" when every byte is as it was written."""
    try:
        return _disagreement(feature, block, Shard(feature.path(block)))
    except AffectError as error:
        return str(error).removeprefix(f"{feature.path(block)}: ").partition(". make repair")[0]


def _disagreement(feature: Feature, block: Block, shard: Shard) -> str:
    """What a shard whose bytes are sound says that the manifest or the feature does not; "" when they agree."""
    if shard.header.fingerprint != feature.fingerprint:
        return f"made with settings {shard.header.fingerprint}, this folder is {feature.fingerprint}"
    if shard.header.source != feature.source(block):
        return "made for other keys, boxes or image sizes than the manifest's, or from other rows of its source"
    if shard.keys != feature.layout.keys(block, feature.granularity):
        return "its keys are not those of the manifest"
    if set(shard.names) != set(feature.arrays):
        return f"holds {', '.join(sorted(shard.names))}, declared {', '.join(sorted(feature.arrays))}"
    for name, spec in feature.arrays.items():
        try:
            spec.validate(name, shard.array(name), len(shard.keys))
        except ShardError as error:
            return str(error)
        if not shard.is_whole(name):
            return f"array {name!r} is not what its digest says"
    return ""
