"""``status``: what a store holds of a dataset: rows by status, feature by feature, and the ledger of those not OK."""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from cache.errors import shown
from cache.spec import FAILURES, Status
from cache.store import Store
from pipeline.commands._told import where
from pipeline.running.age import age

COLUMNS = ("pending", *(status.word for status in Status))


def run(options: argparse.Namespace) -> int:
    """Say it in lines, or as JSON. Returns 0. Raises: AffectError, as ``status``."""
    state = status(options.store, options.dataset)
    print(json.dumps(state, indent=2) if options.json else "\n".join(table(state, where(options))))
    return 0


def status(store: Path, dataset: str) -> dict[str, Any]:
    """The state as one JSON object: counts per split, per feature, and the ledger.

    Raises: UnknownName when nothing of ``dataset`` was extracted, StoreError or ShardError for a damaged store.
    """
    opened = Store(store)
    manifest, features = opened.manifest(dataset), opened.features(dataset)
    ledger = [failure for feature in features.values() for failure in feature.failures()]
    owner = dict(zip(manifest.keys, manifest.images, strict=True))
    failed = {owner.get(one.key, one.key) for one in ledger if one.status in FAILURES}
    return {
        "dataset": dataset,
        "release": manifest.release,
        "people": int((manifest.persons >= 0).sum()),
        "images": len(set(manifest.images)),
        "files": manifest.files,
        "failed_images": len(failed),
        "splits": manifest.counts(),
        "features": {
            name: {
                "stage": feature.info["stage"],
                "fingerprint": feature.fingerprint,
                "trained": feature.trained,
                "granularity": feature.granularity.value,
                "rows": dict(feature.counts()),
                "age": age(feature),
            }
            for name, feature in features.items()
        },
        "ledger": [
            {
                "feature": one.feature,
                "key": one.key,
                "image": owner.get(one.key, one.key),
                "status": one.status.word,
                "message": one.message,
            }
            for one in ledger
        ],
    }


def table(state: dict[str, Any], words: str, most: int = 40) -> list[str]:
    """The state in lines for a terminal; at most ``most`` ledger lines, one per sample and reason. words: which a make
    command needs to look at the same store."""
    number = f"{state['people']} people in {state['images']} {state['files']}"
    lines = [f"{state['dataset']}, release {state['release']}: {number}"]
    for split, counts in state["splits"].items():
        lines.append(f"  {split}: " + ", ".join(f"{number} {word}" for word, number in counts.items()))
    shown = [word for word in COLUMNS if any(word in one["rows"] for one in state["features"].values())]
    lines.append(" ".join(f"{word:>11}" for word in ("feature", *shown)) + "  weights")
    for name, one in state["features"].items():
        cells = " ".join(f"{one['rows'].get(word, 0):>11}" for word in shown)
        lines.append(f"{name:>11} {cells}  {'trained' if one['trained'] else 'UNTRAINED'}")
    lines += [line for name, one in state["features"].items() for line in _age_lines(name, one["age"], words)]
    return lines + _ledger_lines(state, most)


def _age_lines(name: str, told: dict[str, Any], words: str) -> list[str]:
    """When a feature was made, and what has changed since: a line for each of its makings."""
    lines = [f"{name}: {_making(one, told['version'], words)}" for one in told["makings"]]
    if unknown := told["unknown"]:
        number = f"{unknown} {'shard' if unknown == 1 else 'shards'}"
        lines.append(f"{name}: {number} made before it was recorded by which code: not known")
    return lines


def _making(one: dict[str, Any], version: dict[str, Any], words: str) -> str:
    days = one["first"] if one["first"] == one["last"] else f"{one['first']} to {one['last']}"
    shards = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in one["shards"])
    which = f"shard {shards}" if shards.isdecimal() else f"shards {shards}"
    made = f"{which} made {days} by affect-cache {one['release']} on {one['device']}"
    others = ", ".join(f"{package} {then} then, {now} now" for package, (then, now) in one["packages"].items())
    if not one["changed"]:
        return f"{made}; {others}; its code is as it was" if others else f"{made}; code and packages are as they were"
    made += f"; since changed: {', '.join(one['changed'])} ({_meant(version['then'], version['now'], words)})"
    return f"{made}; {others}" if others else made


def _meant(then: int, now: int | None, words: str) -> str:
    """What changed code means for the rows, by the version of the stage."""
    if now is None:
        return f"version {then} then; that stage is not here now: PLUGINS= names the folder of one of your own"
    if then != now:
        return f"version {then} then, {now} now: make extract makes it again"
    return f"same version {then}: values should be the same; make verify {words} SAMPLE=50 shows whether they are"


def _ledger_lines(state: dict[str, Any], most: int) -> list[str]:
    """One line for each image and reason, with the features it concerns."""
    by_reason: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for one in state["ledger"]:
        if Status[one["status"].upper()] in FAILURES | {Status.UNUSABLE, Status.TOO_SMALL}:
            by_reason[one["status"], shown(one["image"]), one["message"]].add(one["feature"])
    lines = [f"{word} {image}: {text} ({', '.join(sorted(names))})" for (word, image, text), names in by_reason.items()]
    if len(lines) > most:
        lines[most:] = [f"... and {len(lines) - most} more: make status DATASET={state['dataset']} JSON=1"]
    return [f"failed {state['files']}: {state['failed_images']}", *lines]
