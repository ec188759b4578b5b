"""How long planning takes, and how much memory, as the data set grows: 10,000, 100,000 and 1,000,000 images.

Each size runs in a process of its own: load the manifest, lay out the shards, plan the five features of the emotic
config in a store that has none of them (``resume`` times a finished one). Writes bench/plan.json with straight lines
through the three sizes and what they say of 10^8.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cache.layout import Layout
from cache.manifest import OK, Manifest
from cache.store import Store
from pipeline.running.plan import make_plan
from pipeline.running.recipes import dataset_config, recipes
from pipeline.weights.folder import Weights
from scripts.bench.results import machine, record

SIZES = (10_000, 100_000, 1_000_000)
GOAL_SECONDS, GOAL_BYTES = 60.0, 2e9


def made_up(images: int) -> Manifest:
    """A manifest of one person an image, in EMOTIC's form, without reading any annotation."""
    names = [f"framesdb/images/frame_{number:012d}.jpg" for number in range(images)]
    box = np.tile(np.array([[10, 10, 200, 300]], np.float32), (images, 1))
    return Manifest(
        dataset="scale",
        release="made up",
        category_names=("a",),
        source=f"{images}",
        keys=[f"{name}#0" for name in names],
        images=names,
        persons=np.zeros(images, np.int32),
        splits=["train"] * images,
        boxes=box,
        original_boxes=box,
        sizes=np.full((images, 2), 640, np.int32),
        categories=np.ones((images, 1), np.uint8),
        vad=np.full((images, 3), 5, np.float32),
        genders=[""] * images,
        ages=[""] * images,
        statuses=[OK] * images,
        reasons=[""] * images,
    )


def prepare(folder: Path, images: int) -> None:
    """A store that holds the manifest and nothing extracted."""
    Store(folder).begin(made_up(images), 256)


def plan(folder: Path) -> None:
    """The timed part: manifest, features of the emotic config, layout, plan. Prints what it took as JSON."""
    started = time.perf_counter()
    store, config = Store(folder), dataset_config("emotic")
    manifest = store.manifest("scale")
    chosen = recipes(config, [], Weights(folder / "none", untrained=True))
    for recipe in chosen:
        store.use("scale", recipe.info)
    tasks = make_plan(Layout(manifest, config.shard_images), store.features("scale"), chosen).tasks
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "bytes": peak * 1024, "shards": len(tasks)}))


def main() -> None:
    """Measure every size and fit the lines."""
    rows = []
    for images in SIZES:
        with tempfile.TemporaryDirectory() as name:
            prepare(Path(name), images)
            words = [sys.executable, "-m", "scripts.bench.plan", name]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
        rows.append({"images": images} | json.loads(done.stdout))
    lines = {what: np.polyfit(SIZES, [row[what] for row in rows], 1) for what in ("seconds", "bytes")}
    last = rows[-1]
    result = {
        "sizes": rows,
        "per_image": {what: float(line[0]) for what, line in lines.items()},
        "linear": {
            what: float(np.corrcoef(SIZES, [row[what] for row in rows])[0, 1] ** 2) for what in ("seconds", "bytes")
        },
        "at_100_million": {what: float(np.polyval(line, 1e8)) for what, line in lines.items()},
        "goal": {"seconds": GOAL_SECONDS, "bytes": GOAL_BYTES},
        "met": last["seconds"] < GOAL_SECONDS and last["bytes"] < GOAL_BYTES,
        "note": "10^8 images need a manifest that is read in row groups, a block of shards at a time, not whole",
    }
    record("plan", result | machine())


if __name__ == "__main__":
    plan(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
