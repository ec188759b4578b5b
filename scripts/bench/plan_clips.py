"""How long it takes to plan 10,000 clips of BoLD, and how much memory: the annotation read for the first time, and read
again with everything planned, as each further ``make extract`` does.

The files are hard links to one video of 200 frames and one file of joints, which every path opens anew. Each step runs
in a process of its own, with the pages of the files in memory. Writes bench/plan_clips.json.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

from cache.layout import Layout
from cache.store import Store
from pipeline.dataset import manifest_of
from pipeline.datasets._bold_csv import CATEGORIES
from pipeline.datasets.bold import Reader
from pipeline.decoding.tracks import WIDTH
from pipeline.running.plan import make_plan
from pipeline.running.recipes import dataset_config, recipes
from pipeline.weights.folder import Weights
from scripts.bench.results import machine, record

CLIPS, FRAMES = 10_000, 200
GOAL_SECONDS, GOAL_BYTES = 10.0, 2e9


def make(root: Path) -> None:
    """The layout of BoLD, a person in each clip."""
    for folder in ("videos", "joints", "annotations"):
        (root / folder).mkdir(parents=True)
    first, joints = root / "videos" / "0.mp4", root / "joints" / "0.npy"
    with av.open(str(first), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(FRAMES):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((240, 320, 3), np.uint8), "rgb24")))
        file.mux(stream.encode())
    rows = np.random.default_rng(0).uniform(10, 200, (FRAMES, WIDTH))
    rows[:, 0], rows[:, 1], rows[:, 4::3] = np.arange(FRAMES), 0, 0.9
    np.save(joints, rows)
    for number in range(1, CLIPS):
        os.link(first, root / "videos" / f"{number}.mp4")
        os.link(joints, root / "joints" / f"{number}.npy")
    shares = ",".join(["1.0"] + ["0.0"] * (len(CATEGORIES) - 1))
    lines = [f"{number}.mp4,0,0,{FRAMES - 1},{shares},5,5,5,Male,Adult,White,0.9" for number in range(CLIPS)]
    (root / "annotations" / "train.csv").write_text("\n".join(lines[: CLIPS * 9 // 10]) + "\n")
    (root / "annotations" / "val.csv").write_text("\n".join(lines[CLIPS * 9 // 10 :]) + "\n")


def plan(root: Path, folder: Path) -> None:
    """The timed part, as ``make extract`` goes about it. Prints what it took as JSON."""
    started = time.perf_counter()
    reader, name = Reader(root), Reader.name
    store, config = Store(folder), dataset_config(name)
    manifest = manifest_of(reader, folder / name / "manifest.parquet")
    store.begin(manifest, config.shard_images)
    chosen = recipes(config, [], Weights(folder / "none", untrained=True))
    for recipe in chosen:
        store.use(name, recipe.info)
    tasks = make_plan(Layout(manifest, config.shard_images), store.features(name), chosen).tasks
    told = {"seconds": round(time.perf_counter() - started, 1), "shards": len(tasks), "usable": manifest.counts()}
    print(json.dumps(told | {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def main() -> None:
    """Both steps."""
    with tempfile.TemporaryDirectory() as name:
        root, folder = Path(name) / "BOLD_public", Path(name) / "store"
        make(root)
        words = [sys.executable, "-m", "scripts.bench.plan_clips", str(root), str(folder)]
        first, again = (
            json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout) for _ in range(2)
        )
    met = all(one["seconds"] < GOAL_SECONDS and one["bytes"] < GOAL_BYTES for one in (first, again))
    goal = {"seconds": GOAL_SECONDS, "bytes": GOAL_BYTES}
    record("plan_clips", {"clips": CLIPS, "first": first, "again": again, "goal": goal, "met": met} | machine())


if __name__ == "__main__":
    plan(Path(sys.argv[1]), Path(sys.argv[2])) if len(sys.argv) > 1 else main()
