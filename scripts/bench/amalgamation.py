"""Maps of knowledge amalgamation: bytes an image and reading rate of each form they can be kept in, and how long the
training loop of ``amalgamated`` waits for them: ``python -m scripts.bench.amalgamation``, bench/amalgamation.json.

Images are drawn scenes. Reading is by batches of 20 images in any order: from the page cache; and from the disk, in any
order and in one that keeps neighbours together, which tells whether such an order would pay.
"""

import mmap
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cache import shard
from cache.manifest import Manifest, Row
from cache.spec import ArraySpec, Granularity, Status
from cache.store import Store
from heads.experiments.grid import cell, usual_protocol
from heads.head import BOXES, PEOPLE_FLAGS
from heads.inputs.samples import Batch, Samples
from heads.inputs.stored import Stored
from heads.known_protocols import find
from heads.learning import sampling
from heads.learning.optimiser import Optimiser
from heads.learning.step import Step
from pipeline.demo.scenes.render import scenes
from pipeline.running.recipes import stage_of
from pipeline.stage import Photo
from pipeline.weights.folder import Weights
from scripts.bench.results import machine, record

IMAGES, DRAWN, BATCH, SHARD, ROUNDS, NEIGHBOURS = 160, 4, 20, 32, 3, 16
LABELS, PEOPLE, GOAL = 26, 4, 0.1
NETWORKS: dict[str, dict[str, Any]] = {
    "hrnet_w32": {"stage": "hrnet_maps"},
    "demo_hr8": {"stage": "hrnet_maps", "model": "demo_hr8", "size": [512, 512]},
    "efficientnet_lite0": {
        "stage": "backbone",
        "model": "package/efficientnet_lite0",
        "maps": "strides",
        "size": [512, 512],
    },
}
SMALLER: dict[str, dict[str, Any]] = {
    "whole": {},
    "at most 64 x 64": {"largest": [64, 64]},
    "c8 alone": {"branches": ["c8"]},
}
TRAINED = {
    "demo: shufflenet and demo_hr8 at 160 x 160": (
        {"trunk/c4": (24, 40, 40), "trunk/c8": (48, 20, 20), "trunk/c16": (96, 10, 10), "trunk/c32": (1024, 5, 5)}
        | {"od/c8": (16, 20, 20)},
        {"resolution": 20, "width": 16},
        6,
    ),
    "HRNet-W32 and one teacher at 512 x 512, at most 64 x 64": (
        {"trunk/c4": (32, 64, 64), "trunk/c8": (64, 64, 64), "trunk/c16": (128, 32, 32), "trunk/c32": (256, 16, 16)}
        | {"od/c8": (64, 64, 64)},
        {},
        2,
    ),
}
"""Arrays, settings of ``amalgamated``, and how many steps are timed."""


def maps_of(settings: Mapping[str, Any]) -> tuple[dict[str, ArraySpec], dict[str, NDArray[Any]], bool]:
    """The specs and rows (DRAWN, c, h, w) of the maps of drawn scenes; whether the network is trained."""
    stage = stage_of("maps", dict(settings)).stage
    weights = Weights(Path("weights"), untrained=True)
    stage.load("cpu", weights)
    items = []
    for one in scenes(0, 0, DRAWN):
        photo = Photo("scene.jpg", Image.fromarray(one.image), np.zeros((0, 4), np.float32))
        items += stage.prepare(photo)
    found = [stage.extract(items[start : start + 2]) for start in range(0, DRAWN, 2)]
    specs = {name: spec for name, spec in stage.outputs.items() if name != "pooled"}
    arrays = {name: np.concatenate([one.arrays[name] for one in found]) for name in specs}
    return specs, arrays, settings.get("model") == "demo_hr8"


def written(
    folder: Path, specs: Mapping[str, ArraySpec], arrays: Mapping[str, NDArray[Any]], feature: str = "maps"
) -> dict[str, Stored]:
    """IMAGES rows of each array in a store: those of ``arrays`` (m, c, h, w) again and again."""
    rows = [Row(f"{number}.jpg", 0, "train", (0, 0, 9, 9), (0, 0, 9, 9), (9, 9), ("a",)) for number in range(IMAGES)]
    manifest = Manifest.from_rows(rows, dataset="bench", release="made", category_names=("a",), source="bench")
    store = Store(folder)
    store.begin(manifest, SHARD)
    info: dict[str, Any] = {"feature": feature, "fingerprint": "0" * 16, "granularity": Granularity.IMAGE.value}
    store.use("bench", info | {"trained": True, "arrays": {name: spec.to_json() for name, spec in specs.items()}})
    found = store.features("bench")[feature]
    for block in found.layout.blocks():
        keys = found.layout.keys(block, Granularity.IMAGE)
        some = {name: array[np.arange(len(keys)) % len(array)] for name, array in arrays.items()}
        made = shard.Rows(keys, np.full(len(keys), Status.OK, np.uint8), [""] * len(keys), some)
        shard.write(found.path(block), found.fingerprint, found.layout.source(block, found.granularity), specs, made)
    return {f"{feature}/{name}": Stored.of(found, name, np.arange(IMAGES), torch.device("cpu")) for name in specs}


def rate(left: Mapping[str, Stored], order: NDArray[np.int64]) -> float:
    """Images a second, all arrays of each, batch by batch of ``order``."""
    started = time.perf_counter()
    for start in range(0, len(order), BATCH):
        for one in left.values():
            one.index_select(0, torch.as_tensor(order[start : start + BATCH]))
    return len(order) / (time.perf_counter() - started)


def forgotten(folder: Path, left: Mapping[str, Stored]) -> None:
    """Have the kernel drop what it keeps of the shards, so that they are read from the disk."""
    for one in left.values():
        for part in one.parts:
            _map_of(part).madvise(mmap.MADV_DONTNEED)
    for path in folder.rglob("shard-*.h5"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _map_of(part: Any) -> mmap.mmap:
    """The map that an array of a shard lies in."""
    found = part._data if hasattr(part, "_data") else part
    while not isinstance(found, mmap.mmap):
        found = found.obj if isinstance(found, memoryview) else found.base
    return found


def shuffled(neighbours: int, round_: int) -> NDArray[np.int64]:
    """All images in an order by chance, ``neighbours`` at a time."""
    draw = np.random.default_rng(round_)
    blocks = np.arange(IMAGES).reshape(-1, neighbours)
    return draw.permuted(blocks[draw.permutation(len(blocks))], axis=1).reshape(-1)


def form(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes and rates of one form; compressed too of a trained network, as others' maps are not like real ones."""
    specs, arrays, trained = maps_of({**settings, **more})
    out: dict[str, Any] = {"trained": trained, "maps": {name: list(spec.shape) for name, spec in specs.items()}}
    for word, compressed in (("plain", False), ("compressed", True))[: 1 + trained]:
        told = {name: ArraySpec(one.shape, one.dtype, one.unit, compressed=compressed) for name, one in specs.items()}
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
            folder = Path(name)
            left = written(folder, told, arrays)
            size = sum(path.stat().st_size for path in folder.rglob("shard-*.h5"))
            os.sync()
            warm = [rate(left, shuffled(1, number)) for number in range(ROUNDS)]
            cold: dict[str, list[float]] = {"any order": [], "neighbours": []}
            for number in range(ROUNDS):
                for order, together in (("any order", 1), ("neighbours", NEIGHBOURS)):
                    forgotten(folder, left)
                    cold[order].append(rate(left, shuffled(together, number)))
            out[word] = {
                "kilobytes_per_image": round(size / IMAGES / 1000, 1),
                "images_per_second_cached": round(statistics.median(warm)),
                "images_per_second_from_disk": {key: round(statistics.median(row)) for key, row in cold.items()},
            }
            del left
    return out


def waits(shapes: Mapping[str, tuple[int, ...]], values: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """Of a training of ``amalgamated`` from compressed maps: the share of its time in which it waits for a batch, with
    reading ahead and without."""
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        left: dict[str, Stored] = {}
        for feature in ("trunk", "od"):
            mine = {key.partition("/")[2]: shape for key, shape in shapes.items() if key.startswith(f"{feature}/")}
            specs = {key: ArraySpec(shape, "float16", "made up", compressed=True) for key, shape in mine.items()}
            made = {
                key: draw.standard_normal((DRAWN, *shape)).clip(0).astype(np.float16) for key, shape in mine.items()
            }
            left |= written(Path(name) / feature, specs, made, feature)
        corners = np.sort(draw.random((IMAGES, PEOPLE, 2, 2)), axis=2).reshape(IMAGES, PEOPLE, 4).astype(np.float32)
        flags = (draw.random((IMAGES, PEOPLE, LABELS)) < 1 / 6).astype(np.float32)
        targets = {BOXES: corners, PEOPLE_FLAGS: flags}
        data = Samples.of({}, np.arange(IMAGES), targets, torch.device("cpu"), left)
        return {
            "steps": steps,
            "read_ahead": _course(data, values, steps, data.batches),
            "read_when_wanted": _course(data, values, steps, lambda order: map(data.batch, order)),
        }


def _course(data: Samples, values: Mapping[str, Any], steps: int, batches: Any) -> dict[str, float]:
    one = cell(
        "amalgamated", find(usual_protocol("amalgamated")), {"trunk": "trunk", "teachers": "od/c8"} | dict(values)
    )
    sizes = {BOXES: PEOPLE, PEOPLE_FLAGS: LABELS}
    widths = {key: left.row for key, left in data.stored.items()}
    head = one.model(one.recipe, widths, sizes, [0]).train()
    optimiser = Optimiser(head, one.recipe.lr, one.recipe.optimiser_rule())
    step = Step(head, data, optimiser)
    places = sampling.shuffled(IMAGES, BATCH, sampling.generator(0))
    order = torch.as_tensor(np.concatenate([places] * (1 + steps // len(places)))[: steps + 1])[:, None]
    waited, began = 0.0, 0.0
    with optimiser, closing(_closable(batches(order))) as coming:
        step.take(next(coming))  # the first batch has no step to be read beside
        began = time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            batch = next(coming)
            waited += time.perf_counter() - asked
            step.take(batch)
    whole = time.perf_counter() - began
    return {"step_ms": round(1000 * whole / steps, 1), "waiting_ms": round(1000 * waited / steps, 2),
            "share": round(waited / whole, 4)}  # fmt: skip


def _closable(batches: Iterator[Batch]) -> Any:
    yield from batches


def main(words: Sequence[str] = ()) -> None:
    """Everything, or with the word ``waits`` that alone, printed."""
    torch.set_num_threads(os.cpu_count() or 1)
    before = os.getloadavg()[0]
    loop = {name: waits(*each) for name, each in TRAINED.items()}
    worst = max(one["read_ahead"]["share"] for one in loop.values())
    result: dict[str, Any] = {"waiting_for_data": loop | {"worst": worst, "goal": GOAL, "met": worst <= GOAL}}
    if "waits" in words:
        print(result)
        return
    result["forms"] = {}
    for name, settings in NETWORKS.items():
        result["forms"][name] = {word: form(settings, more) for word, more in SMALLER.items()}
        print(name, result["forms"][name], file=sys.stderr, flush=True)
    load = {"start": round(before, 2), "end": round(os.getloadavg()[0], 2)}
    about = {"images": IMAGES, "batch": BATCH, "rounds": ROUNDS, "neighbours": NEIGHBOURS, "load": load}
    record("amalgamation", about | result | machine())


if __name__ == "__main__":
    main(sys.argv[1:])
