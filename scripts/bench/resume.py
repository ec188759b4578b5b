"""How long ``extract`` takes on a finished store of EMOTIC's size: 23,571 images, 34,320 people, every feature of its
config.

The store is made of shards without arrays: a plan reads nothing of a shard but its header. Writes
bench/resume.json.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cache.feature import Feature
from cache.layout import Layout
from cache.manifest import Manifest, Row
from cache.shard import Rows, write
from cache.store import Store
from pipeline.dataset import source_of
from pipeline.datasets.emotic import Reader
from pipeline.running.recipes import dataset_config, recipes
from pipeline.weights.folder import Weights
from scripts.bench.results import machine, record

IMAGES, PEOPLE, ANNOTATION_BYTES, RUNS, GOAL = 23_571, 34_320, 60_000_000, 5, 3.0


def finished_store(folder: Path) -> int:
    """An annotation file of plausible length, its manifest, and all shards of the emotic config, OK throughout.

    Returns the number of features.
    """
    root, store = folder / "emotic", Store(folder / "store")
    (root / "Annotations").mkdir(parents=True)
    (root / "emotic").mkdir()
    (root / "Annotations" / "Annotations.mat").write_bytes(np.random.default_rng(0).bytes(ANNOTATION_BYTES))
    box = (1.0, 1.0, 90.0, 90.0)
    rows = [
        Row(f"framesdb/images/frame_{image:08d}.jpg", person, "train", box, box, (640, 480), ("a",))
        for image in range(IMAGES)
        for person in range(2 if image < PEOPLE - IMAGES else 1)
    ]
    source = source_of(Reader(root))
    manifest = Manifest.from_rows(
        rows, dataset="emotic", release="made up", category_names=("a",), source=source, folder="emotic"
    )
    config = dataset_config("emotic")
    with store.lock("emotic"):
        store.begin(manifest, config.shard_images)
        layout = Layout(manifest, config.shard_images)
        chosen = recipes(config, [], Weights(folder / "none", untrained=True))
        for recipe in chosen:
            store.use("emotic", recipe.info)
            feature = Feature(folder / "store" / "emotic" / recipe.feature / recipe.fingerprint, layout)
            for block in layout.blocks():
                keys = layout.keys(block, feature.granularity)
                empty = Rows(keys, np.zeros(len(keys), np.uint8), [""] * len(keys), {})
                write(feature.path(block), recipe.fingerprint, feature.source(block), {}, empty)
    return len(chosen)


def main() -> None:
    """Time whole processes and write the result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        features = finished_store(folder)
        words = ["extract", "--dataset", "emotic", "--root", str(folder / "emotic"), "--store", str(folder / "store")]
        command = [sys.executable, "-m", "pipeline", *words, "--weights", str(folder / "none"), "--untrained"]
        seconds = []
        for _ in range(RUNS):
            started = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds.append(time.perf_counter() - started)
            if "nothing to extract" not in done.stdout:
                raise SystemExit(f"the store was not finished: {done.stdout}")
    median = statistics.median(seconds)
    result = {"images": IMAGES, "people": PEOPLE, "features": features, "seconds": [round(one, 3) for one in seconds]}
    record(
        "resume", result | {"median_seconds": round(median, 3), "goal_seconds": GOAL, "met": median < GOAL} | machine()
    )


if __name__ == "__main__":
    main()
