"""Two single-threaded Dask workers over one: the same extraction, ResNet-18 on JPEGs of 640 x 480.

Whole runs of the command on clusters that already run and hold the networks of a first run, so the time holds planning
and the wire, but no start of processes. One worker and two take turns; medians are compared. Writes bench/dask.json.
"""

import contextlib
import io
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from scipy.io import savemat

from pipeline.cli import main as pipeline
from scripts.bench.extract import photographs
from scripts.bench.results import machine, record
from scripts.bench.two_workers import two_over_one

IMAGES, TURNS = 256, 3
CONFIG = """
dataset = "emotic"
shard_images = 8
[stages.image]
stage = "backbone"
model = "resnet18"
input = "image"
size = [224, 224]
batch_size = 8
"""


def annotated(root: Path) -> None:
    """The photographs in EMOTIC's layout, one person in each."""
    photographs(root / "emotic" / "mscoco" / "images", IMAGES)
    person = {
        "body_bbox": np.array([200.0, 60.0, 440.0, 460.0]),
        "annotations_categories": {"categories": "Peace"},
        "annotations_continuous": {"valence": 5, "arousal": 5, "dominance": 5},
        "gender": "Male",
        "age": "Adult",
    }
    size = {"n_col": 640, "n_row": 480}
    images = [
        {"filename": f"{k}.jpg", "folder": "mscoco/images", "image_size": size, "person": person} for k in range(IMAGES)
    ]
    (root / "Annotations").mkdir()
    parts = {"train": images[:-2], "val": images[-2:-1], "test": images[-1:]}
    savemat(root / "Annotations" / "Annotations.mat", parts)


def seconds(folder: Path, address: str) -> float:
    """One extraction into an empty store by the workers at ``address``."""
    shutil.rmtree(folder / "store", ignore_errors=True)
    places = {"root": folder / "data", "store": folder / "store", "config": folder / "config.toml"}
    words = ["extract", "--dataset", "emotic", "--untrained", "--executor", "dask", "--threads", "1"]
    words += [word for name, place in places.items() for word in (f"--{name}", str(place))]
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        status = pipeline([*words, "--scheduler", address])
    if status:
        raise SystemExit(f"the extraction ended with {status}")
    return time.perf_counter() - started


def main() -> None:
    """Measure and write the result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        annotated(folder / "data")
        (folder / "config.toml").write_text(CONFIG)
        result = two_over_one(partial(seconds, folder), TURNS)
    record("dask", {"images": IMAGES} | result | machine())


if __name__ == "__main__":
    main()
