"""A store of images with all their people whose maps show them: where a person is, one channel a class, and a hill at
the middle of the box. A teacher shows the same, another is of noise."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from toy_features import CATEGORIES, manifest_of

from cache import shard
from cache.manifest import Manifest, Row
from cache.spec import ArraySpec, Granularity, Status
from cache.store import Store

CLASSES, SIDE, SIZE = CATEGORIES[:3], 16, 64
SPECS = {
    "trunk": {"c4": ArraySpec((6, SIDE, SIDE), "float16", "made up"), "c8": ArraySpec((2, 8, 8), "float16", "made up")},
    "fer": {"c8": ArraySpec((3, 8, 8), "float16", "made up")},
}


def crowds(images: int, seed: int = 0) -> list[Row]:
    """One to three people an image, each with one of three classes, in boxes that start at multiples of 4 pixels."""
    draw = np.random.default_rng(seed)
    rows = []
    for image in range(images):
        split = ("train", "train", "train", "val", "test")[image % 5]
        for person in range(1 + image % 3):
            x, y = 4 * (5 * person + draw.integers(0, 2)), 4 * draw.integers(0, 8)
            box = (float(x), float(y), float(x + 16), float(y + 4 * draw.integers(5, 9)))
            word = (CLASSES[int(draw.integers(len(CLASSES)))],)
            rows.append(
                Row(f"{image}.jpg", person, split, box=box, original_box=box, size=(SIZE, SIZE), categories=word)
            )
    return rows


def shown(manifest: Manifest, image: str, draw: np.random.Generator) -> NDArray[np.float32]:
    """(6, SIDE, SIDE): a channel each class, one everybody, one middles, one of noise alone."""
    made = np.abs(draw.normal(0, 0.2, (6, SIDE, SIDE)))
    for row in [place for place, name in enumerate(manifest.images) if name == image]:
        x1, y1, x2, y2 = (manifest.boxes[row] * SIDE / SIZE).astype(int)
        classes = [list(manifest.category_names).index(word) for word in CLASSES]
        for channel, has in enumerate([*manifest.categories[row][classes], True]):
            made[channel, y1:y2, x1:x2] += bool(has)
        made[4, (y1 + y2) // 2, (x1 + x2) // 2] += 3
    return made.astype(np.float32)


def people_store(root: Path, images: int = 60) -> Store:
    """A store ``demo`` with the maps ``trunk/c4`` and ``trunk/c8`` and a teacher's, ``fer/c8``."""
    manifest, store = manifest_of(crowds(images)), Store(root)
    with store.lock("demo"):
        store.begin(manifest, 64)
        for number, (name, specs) in enumerate(SPECS.items()):
            arrays = {array: spec.to_json() for array, spec in specs.items()}
            about = {"feature": name, "fingerprint": f"{number:016x}", "trained": True, "arrays": arrays}
            store.use("demo", {**about, "granularity": str(Granularity.IMAGE)})
        for feature in store.features("demo").values():
            for block in feature.layout.blocks():
                keys, draw = feature.layout.keys(block, Granularity.IMAGE), np.random.default_rng(0)
                maps = np.stack([shown(manifest, key, draw) for key in keys])
                halves = maps.reshape(len(maps), 6, 8, 2, 8, 2).mean((3, 5))
                made = {"c4": maps, "c8": halves[:, : feature.spec("c8").shape[0]]}
                arrays_ = {array: made[array].astype(np.float16) for array in feature.arrays}
                rows = shard.Rows(keys, np.full(len(keys), Status.OK, np.uint8), [""] * len(keys), arrays_)
                source = feature.layout.source(block, Granularity.IMAGE)
                shard.write(feature.path(block), feature.fingerprint, source, feature.arrays, rows)
    return store
