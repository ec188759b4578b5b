"""A small store as the real stages leave one, with numbers that a test can tell by hand, and its photographs.

``a.jpg``: 64 x 48, people 0 and 1, of whom 1 shows no face. ``b.jpg``: is not there. ``c.jpg``: ends early.
``../d.jpg``: lies outside of the root. One label and one key look like markup.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cache import shard
from cache.manifest import Manifest, Row
from cache.spec import Status
from cache.store import Store
from pipeline.running.recipes import stage_of

MARKUP = "<script>alert(1)</script>"
BOXES = {"a.jpg#0": (2.0, 4.0, 30.0, 44.0), "a.jpg#1": (34.0, 6.0, 62.0, 46.0)}
FACE = (8.0, 6.0, 20.0, 18.0)
TABLES: dict[str, dict[str, Any]] = {
    "face": {"stage": "face"},
    "sem2vec": {"stage": "sem2vec", "size": (32, 64)},
    "depth": {"stage": "depth"},
    "objects": {"stage": "objects", "top": 3},
    "pose": {"stage": "pose", "model": "rtmpose-t"},
    "image": {"stage": "backbone", "input": "image"},
    "context": {"stage": "backbone", "input": "context"},
}


def rows() -> list[Row]:
    size = (64, 48)
    people = [
        Row("a.jpg", 0, "train", BOXES["a.jpg#0"], BOXES["a.jpg#0"], size, ("joy",), (1.0, 5.0, 10.0)),
        Row("a.jpg", 1, "test", BOXES["a.jpg#1"], BOXES["a.jpg#1"], size, ("joy", MARKUP)),
    ]
    others = ("b.jpg", "c.jpg", "../d.jpg", f"{MARKUP}.jpg")
    return [*people, *(Row(name, 0, "val", (1, 1, 40, 40), (1, 1, 40, 40), size, ("fear",)) for name in others)]


def make(folder: Path, features: tuple[str, ...] = tuple(TABLES), untrained: tuple[str, ...] = ("pose",)) -> Store:
    """``folder/store`` and ``folder/data/demo``."""
    manifest = Manifest.from_rows(
        rows(), dataset="demo", release="four", category_names=("joy", "fear", MARKUP), source="seen"
    )
    store = Store(folder / "store")
    with store.lock("demo"):
        store.begin(manifest, 2)
        for name in features:
            store.use("demo", _info(name, name not in untrained))
        for feature in store.features("demo").values():
            for block in feature.layout.blocks():
                keys = feature.layout.keys(block, feature.granularity)
                content = _content(feature.name, feature.arrays, keys)
                source = feature.layout.source(block, feature.granularity)
                shard.write(feature.path(block), feature.fingerprint, source, feature.arrays, content)
    root = folder / "data" / "demo"
    root.mkdir(parents=True)
    for path in (root / "a.jpg", root / "c.jpg", root.parent / "d.jpg"):
        Image.new("RGB", (64, 48), (200, 40, 40)).save(path, comment=b"a secret of the file")
    (root / "c.jpg").write_bytes((root / "c.jpg").read_bytes()[:300])
    return store


def _info(name: str, trained: bool) -> dict[str, Any]:
    planned = stage_of(name, TABLES[name])
    return {
        "feature": name,
        "fingerprint": f"{len(name):016x}",
        "granularity": planned.stage.granularity.value,
        "trained": trained,
        "stage": planned.name,
        "config": planned.stage.config.model_dump(mode="json"),
        "arrays": {array: spec.to_json() for array, spec in planned.stage.outputs.items()},
    }


def _content(name: str, specs: Any, keys: list[str]) -> shard.Rows:
    arrays = {array: spec.empty(len(keys)) for array, spec in specs.items()}
    status = np.array([_status(name, key) for key in keys], np.uint8)
    for at in np.flatnonzero(status == Status.OK).tolist():
        FILL[name]({array: values[at : at + 1] for array, values in arrays.items()}, keys[at])
    words = {Status.OK: "", Status.NO_FACE: "no face in the person's box", Status.MISSING: "is not there"}
    messages = [words.get(Status(one), "cannot be read") for one in status.tolist()]
    return shard.Rows(keys, status, messages, arrays)


def _status(name: str, key: str) -> Status:
    if not key.startswith("a.jpg"):
        return {"b": Status.MISSING, "c": Status.BROKEN}.get(key[0], Status.OUTSIDE_ROOT)
    return Status.NO_FACE if (name, key) == ("face", "a.jpg#1") else Status.OK


def _face(row: Any, _: str) -> None:
    row["box"][0], row["confidence"][0] = FACE, 0.75
    row["landmarks"][0] = [(10, 10), (16, 10), (13, 13), (11, 16), (15, 16)]


def _sem2vec(row: Any, _: str) -> None:
    """The image, 64 x 48, is 43 x 32 of the input's 64 x 32: 5 of 8 columns."""
    row["label_map"][0, :, :5], row["label_map"][0, 0, :5] = 3, 2
    row["area"][0, [2, 3]] = 0.25, 0.75
    row["presence"][0, [2, 3]] = 1


def _objects(row: Any, _: str) -> None:
    row["boxes"][0, :2], row["scores"][0, :2], row["labels"][0, :2] = [(1, 1, 9, 9), (2, 2, 8, 8)], (0.9, 0.1), (1, 44)
    row["count"][0] = 2


def _pose(row: Any, _: str) -> None:
    for array in row.values():
        array[0] = 1.0


def _pooled(row: Any, key: str) -> None:
    row["pooled"][0] = 0
    row["pooled"][0, : 1 + int(key.endswith("1"))] = 1


FILL: dict[str, Callable[[Any, str], None]] = {
    "face": _face,
    "sem2vec": _sem2vec,
    "depth": lambda row, _: row["map"].__setitem__(0, np.eye(56)),
    "objects": _objects,
    "pose": _pose,
    "image": _pooled,
    "context": _pooled,
}
