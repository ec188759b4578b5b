"""The runner's rate over that of the bare networks, in one process, with the same batches and as many threads.

The bare rate replays the outermost network calls of an extraction on the very tensors they were given, all in memory:
no decoding, no resizing, no post-processing, no writing. It is taken in two ways: batches one after the other, each on
all cores (``over_sum_of_forwards``), and one batch on each core; ``ratio`` is to the faster one. Runner and replays
take turns; medians are compared. Each stage is measured alone with its default settings, one batch a core (quick ones
on as many images as ``backbone``: of a second's run a fifth is its beginning and its end), and all of them together in
one pass; with it goes what reading and decoding the same files takes on one core, and what is written. Writes
bench/extract.json (a quarter of an hour; ``pose face`` or ``--together`` measures only those).
"""

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image
from torch import nn

from cache.layout import Layout
from cache.manifest import Manifest, Row
from cache.plugins import load
from cache.store import Store
from pipeline.decoding.images import decode
from pipeline.networks import tflite
from pipeline.running.plan import Plan, make_plan
from pipeline.running.recipes import DatasetConfig, recipes
from pipeline.running.runner import Running, Worker
from pipeline.weights.folder import Weights
from scripts.bench.results import FOLDER, machine, record

BACKBONE = {"image": {"stage": "backbone", "model": "resnet18", "input": "image", "size": [224, 224]}}
ALONE = ("sem2vec", "scene", "objects", "face", "pose", "depth", "hrnet_maps")
"""With ``backbone``, every stage that reads pixels."""
QUICK = ("face", "pose")
"""Those of dozens of images a second."""
TOGETHER: dict[str, dict[str, Any]] = {
    **{name: {} for name in ALONE},
    "body": {"stage": "backbone", "input": "body"},
    "face_features": {"stage": "backbone", "input": "face", "model": "inception_resnet_v1"},
    "pose_vector": {"hands": "zero", "frame": "joints"},
}
MANY, FEW = 192, 16
"""Images of the main measurement, and of all together."""

CORES = len(os.sched_getaffinity(0))
Network = nn.Module | tflite.Network
Call = tuple[Network, tuple[Any, ...], dict[str, Any]]


def photographs(root: Path, count: int) -> Manifest:
    """Write JPEGs of 640 x 480 with structure at every scale (about 100 kB each), one person in each."""
    root.mkdir(parents=True)
    for number in range(count):
        draw = np.random.default_rng(number)
        coarse = Image.fromarray(draw.integers(0, 255, (15, 20, 3), dtype=np.uint8)).resize(
            (640, 480), Image.Resampling.BICUBIC
        )
        pixels = np.asarray(coarse, dtype=np.float32) + draw.normal(0, 9, (480, 640, 1))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(root / f"{number}.jpg", quality=90)
    box = (200.0, 60.0, 440.0, 460.0)
    rows = [Row(f"{number}.jpg", 0, "train", box, box, (640, 480), ("a",)) for number in range(count)]
    return Manifest.from_rows(rows, dataset="bench", release="drawn", category_names=("a",), source="bench")


def plan_for(
    folder: Path,
    manifest: Manifest,
    stages: dict[str, dict[str, Any]],
    store_name: str = "store",
    weights: Weights | None = None,
    frames: int = 0,
) -> Plan:
    """A plan to extract what is not in the store in ``folder``, which holds the weights too unless others are given.
    frames: of each clip; 0 for photographs."""
    config = DatasetConfig(dataset="bench", stages=stages, frames=frames)
    chosen = recipes(config, [], weights or Weights(folder, untrained=True))
    layout = Layout(manifest, 256)
    store = Store(folder / store_name)
    store.begin(manifest, layout.size)
    for recipe in chosen:
        store.use("bench", recipe.info)
    return make_plan(layout, store.features("bench"), chosen)


@contextmanager
def recorded(calls: list[Call]) -> Iterator[None]:
    """Collect the outermost calls of networks, with their arguments."""
    kinds: tuple[Any, ...] = (nn.Module, tflite.Network)
    originals, depth = [kind.__call__ for kind in kinds], threading.local()

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(network: Network, *args: Any, **kwargs: Any) -> Any:
            level = getattr(depth, "level", 0)
            if level == 0:
                calls.append((network, args, kwargs))
            depth.level = level + 1
            try:
                return original(network, *args, **kwargs)
            finally:
                depth.level = level

        return call

    for kind, original in zip(kinds, originals, strict=True):
        kind.__call__ = watched(original)
    try:
        yield
    finally:
        for kind, original in zip(kinds, originals, strict=True):
            kind.__call__ = original


def timed_run(worker: Worker) -> float:
    """Seconds of one extraction with loaded networks."""
    torch.set_num_threads(1)
    started = time.perf_counter()
    for _ in worker.run(worker.plan.tasks, lambda _: None):
        pass
    return time.perf_counter() - started


def timed_decoding(root: Path, manifest: Manifest) -> float:
    """Seconds of reading and decoding every image on one core."""
    started = time.perf_counter()
    for name in manifest.images:
        decode(root / name)
    return time.perf_counter() - started


def replay(call: Call) -> None:
    """One network call, its result thrown away."""
    network, args, kwargs = call
    with torch.inference_mode():
        network(*args, **kwargs)


def warm(calls: list[Call], pool: ThreadPoolExecutor) -> None:
    """Call each network once here and once in each thread of ``pool``: LiteRT makes an interpreter for each."""
    firsts = list({id(call[0]): call for call in reversed(calls)}.values())
    together = threading.Barrier(CORES)

    def all_of_them(_: int) -> None:
        together.wait()
        for call in firsts:
            replay(call)

    torch.set_num_threads(1)
    list(pool.map(all_of_them, range(CORES)))


def timed_in_turn(calls: list[Call]) -> float:
    """Seconds of the networks alone, one call after the other on all cores."""
    torch.set_num_threads(CORES)
    with ThreadPoolExecutor(1) as fresh, mock.patch.object(tflite.Network, "cores", CORES):
        list(fresh.map(replay, {id(call[0]): call for call in calls}.values()))
        started = time.perf_counter()
        list(fresh.map(replay, calls))
        return time.perf_counter() - started


def timed_side_by_side(calls: list[Call], pool: ThreadPoolExecutor) -> float:
    """Seconds of the networks alone, one call on each of the ``pool``'s threads, and so on each core, at a time."""
    torch.set_num_threads(1)
    started = time.perf_counter()
    list(pool.map(replay, calls))
    return time.perf_counter() - started


def measure(stages: dict[str, dict[str, Any]], images: int, turns: int, goal: float) -> dict[str, Any]:
    """Of drawn photographs, as ``compare``."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "images"
        manifest = photographs(root, images)
        return compare(plan_for(Path(name), manifest, stages), root, manifest, turns, goal)


def compare(plan: Plan, root: Path, manifest: Manifest, turns: int, goal: float) -> dict[str, Any]:
    """The rates of what is to be done, and the ratio of ours to the faster bare one."""
    stages = {name for task in plan.tasks for name in task.features}
    images, calls = len(set(manifest.images)), list[Call]()
    with Worker(plan, Running(root, decoders=CORES)) as worker, ThreadPoolExecutor(CORES) as pool:
        worker.load(stages)
        with recorded(calls):
            timed_run(worker)
        warm(calls, pool)
        times = [(timed_run(worker), timed_in_turn(calls), timed_side_by_side(calls, pool)) for _ in range(turns)]
    decoding = timed_decoding(root, manifest)
    written = sum(path.stat().st_size for name in stages for path in plan.features[name].folder.rglob("*.h5"))
    ours, in_turn, side_by_side = (statistics.median(column) for column in zip(*times, strict=True))
    ratios = [min(bare) / run for run, *bare in times]
    return {
        "stages": sorted(stages),
        "images": images,
        "turns": turns,
        "runner_images_per_second": round(images / ours, 2),
        "bare_images_per_second": {
            "one_after_the_other": round(images / in_turn, 2),
            "one_on_each_core": round(images / side_by_side, 2),
        },
        "over_sum_of_forwards": round(statistics.median(in_turn / run for run, in_turn, _ in times), 3),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(one, 3) for one in ratios],
        "goal": goal,
        "met": statistics.median(ratios) >= goal,
        "decoding_ms_per_image": round(1e3 * decoding / images, 2),
        "decoding_share_of_all_cores": round(decoding / (CORES * ours), 4),
        "bytes_written_per_image": round(written / images),
    }


def batch(stage: str) -> int:
    """Items of one call, by default."""
    extractor = load("pipeline.stages", stage, "Extractor")
    items: int = extractor(extractor.Config()).batch_size
    return items


def _alone(name: str) -> dict[str, Any]:
    images, turns = (MANY, 3) if name in QUICK else (CORES * batch(name), 1)
    return measure({name: {}}, images, turns, 0.85)


def main(words: Sequence[str] = ()) -> None:
    """The backbone on many images, every other stage on few, all together. words: the names of some of ALONE, or
    ``--together``, for those alone; what else the file holds, also by ``scripts.bench.light``, is kept."""
    path = FOLDER / "extract.json"
    results = json.loads(path.read_text()) if path.is_file() else {"stages": {}}
    if not words:
        results["stages"]["backbone"] = results["backbone"] = measure(BACKBONE, MANY, 3, 0.85)
    for name in words or ALONE:
        if name != "--together":
            results["stages"][name] = _alone(name)
    if not words or "--together" in words:
        results["all_stages"] = measure(BACKBONE | TOGETHER, FEW, 1, 0.95)
    record("extract", results | {"cores": CORES} | machine())


if __name__ == "__main__":
    main(sys.argv[1:])
