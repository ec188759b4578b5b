"""A small store as extraction leaves one behind: people of EMOTIC's categories, features that carry the label in part.

Written through cache's own shard writer; no pixels, no networks.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cache import shard
from cache.feature import Feature
from cache.manifest import Manifest, Row
from cache.spec import ArraySpec, Granularity, Status
from cache.store import Store

CATEGORIES = [
    "Affection",
    "Anger",
    "Annoyance",
    "Anticipation",
    "Aversion",
    "Confidence",
    "Disapproval",
    "Disconnection",
    "Disquietment",
    "Doubt/Confusion",
    "Embarrassment",
    "Engagement",
    "Esteem",
    "Excitement",
    "Fatigue",
    "Fear",
    "Happiness",
    "Pain",
    "Peace",
    "Pleasure",
    "Sadness",
    "Sensitivity",
    "Suffering",
    "Surprise",
    "Sympathy",
    "Yearning",
]
WIDTH = 24
SPECS = {
    "image": (Granularity.IMAGE, {"pooled": ArraySpec((WIDTH,), "float16", "activation")}),
    "body": (Granularity.PERSON, {"pooled": ArraySpec((WIDTH,), "float16", "activation")}),
    "sem2vec": (
        Granularity.IMAGE,
        {
            "presence": ArraySpec((150,), "uint8", "1 where the class is seen"),
            "area": ArraySpec((150,), "float16", "share of the image"),
        },
    ),
    "pose": (
        Granularity.PERSON,
        {"keypoints": ArraySpec((26, 2), "float32", "pixels"), "box": ArraySpec((4,), "float32", "pixels")},
    ),
}
MORE = {
    "scene": (
        Granularity.IMAGE,
        {
            name: ArraySpec((size,), "float16", "made up")
            for name, size in (("pooled", 20), ("scores", 36), ("attributes", 10))
        },
    ),
    "image50": (Granularity.IMAGE, {"pooled": ArraySpec((2 * WIDTH,), "float16", "activation")}),
    "body50": (Granularity.PERSON, {"pooled": ArraySpec((2 * WIDTH,), "float16", "activation")}),
    "wholebody": (Granularity.PERSON, {"box": ArraySpec((4,), "float32", "pixels")}),
    "objects": (
        Granularity.IMAGE,
        {
            "boxes": ArraySpec((6, 4), "float32", "pixels"),
            "features": ArraySpec((6, 12), "float16", "activation"),
            "count": ArraySpec((), "int16", "objects of the row"),
        },
    ),
    "context": (
        Granularity.PERSON,
        {
            "pooled": ArraySpec((WIDTH,), "float16", "activation"),
            "map": ArraySpec((6, 3, 2), "float16", "activation"),
        },
    ),
    "maps": (Granularity.IMAGE, {"c8": ArraySpec((6, 3, 2), "float16", "activation")}),
    "face_features": (Granularity.PERSON, {"pooled": ArraySpec((WIDTH,), "float16", "activation")}),
    "pose_vector": (Granularity.PERSON, {"vector": ArraySpec((141,), "float32", "of the box")}),
    "depth_features": (Granularity.IMAGE, {"pooled": ArraySpec((WIDTH,), "float16", "activation")}),
    "cut": (Granularity.PERSON, {"layer3": ArraySpec((256, 2, 2), "float16", "before the last block")}),
}
"""Features that are made only when they are asked for."""


def people(count: int = 260, seed: int = 0, categories: Iterable[str] = CATEGORIES) -> list[Row]:
    """One image in five has two people; each person has one category, sometimes two; splits 60/20/20."""
    draw = np.random.default_rng(seed)
    words = list(categories)
    rows = []
    for number in range(count):
        image = number - (number % 5 == 1)
        chosen = {words[number % len(words)], *([str(draw.choice(words))] if number % 7 == 0 else [])}
        split = ["train", "train", "train", "val", "test"][image // 26 % 5 if count >= 130 else image % 5]
        rows.append(
            Row(
                image=f"mscoco/{image:05d}.jpg",
                person=number - image,
                split=split,
                box=(1.0, 1.0, 50.0, 60.0),
                original_box=(1.0, 1.0, 50.0, 60.0),
                size=(64, 64),
                categories=tuple(sorted(chosen)),
                vad=tuple(float(v) for v in draw.integers(1, 11, 3)),
            )
        )
    return rows


def manifest_of(rows: list[Row], dataset: str = "demo") -> Manifest:
    """The rows as a manifest with EMOTIC's categories."""
    return Manifest.from_rows(rows, dataset=dataset, release="toy", category_names=CATEGORIES, source="toy")


def make_store(
    root: Path,
    rows: list[Row] | None = None,
    dataset: str = "demo",
    missing: dict[str, list[int]] | None = None,
    untrained: tuple[str, ...] = (),
    features: Iterable[str] = tuple(SPECS),
    signal: float = 2.0,
    infos: Sequence[Mapping[str, Any]] = (),
) -> Store:
    """missing: feature -> row numbers (of the shard) whose status is broken. signal: 0 hides the labels. infos: what
    feature.json says of more features."""
    manifest = manifest_of(people() if rows is None else rows, dataset)
    store = Store(root)
    with store.lock(dataset):
        store.begin(manifest, 64)
        for name in features:
            granularity, specs = (SPECS | MORE)[name]
            info = {
                "feature": name,
                "fingerprint": f"{len(name):016x}",
                "granularity": str(granularity),
                "trained": name not in untrained,
                "arrays": {array: spec.to_json() for array, spec in specs.items()},
            }
            store.use(dataset, info)
        for one in infos:
            store.use(dataset, dict(one))
        for name, feature in store.features(dataset).items():
            _fill(feature, manifest, (missing or {}).get(name, []), signal)
    return store


def _fill(feature: Feature, manifest: Manifest, missing: list[int], signal: float) -> None:
    draw = np.random.default_rng(len(feature.name))
    carries = draw.normal(size=(len(CATEGORIES), 150))
    first = 0
    for block in feature.layout.blocks():
        keys = feature.layout.keys(block, feature.granularity)
        rows = [_row(manifest, key) for key in keys]
        status = np.array([Status.BROKEN if first + n in missing else Status.OK for n in range(len(keys))], np.uint8)
        arrays = {
            array: _values(spec, signal * manifest.categories[rows].astype(float) @ carries, draw, status)
            for array, spec in feature.arrays.items()
        }
        messages = ["planted" if value else "" for value in status]
        source = feature.layout.source(block, feature.granularity)
        content = shard.Rows(keys, status, messages, arrays)
        shard.write(feature.path(block), feature.fingerprint, source, feature.arrays, content)
        first += len(keys)


def _row(manifest: Manifest, key: str) -> int:
    return manifest.keys.index(key) if key in manifest.keys else manifest.images.index(key)


def _values(spec: ArraySpec, signal: Any, draw: np.random.Generator, status: Any) -> Any:
    size = int(np.prod(spec.shape))
    values = signal[:, np.arange(size) % signal.shape[1]] + draw.normal(size=(len(signal), size)) + 3.0
    values = (values > 3.0) if spec.dtype == "uint8" else values
    out = values.reshape(len(signal), *spec.shape).astype(spec.dtype)
    out[status != 0] = spec.missing
    return out
