"""Two single-threaded Dask workers over one: the same grid's trainings, EXECUTOR=dask.

A made-up store of 6,000 people with two features of 512 numbers, and a grid of eight rows of ``mlp`` that cannot train
as one model. Whole runs of the command on clusters that already run, so the time holds planning, the wire, reading the
store in each worker and writing the tables, but no start of processes. One worker and two take turns; medians are
compared. Writes bench/spread.json.
"""

import contextlib
import io
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from cache import shard
from cache.manifest import Manifest, Row
from cache.spec import ArraySpec, Granularity, Status
from cache.store import Store
from heads.cli import main as heads
from heads.experiments.grid import usual_protocol
from scripts.bench.results import machine, record
from scripts.bench.two_workers import two_over_one

PEOPLE, TURNS, WIDTH = 6000, 3, 512
SPEC = {"pooled": ArraySpec((WIDTH,), "float16", "made up")}
ROWS = range(512, 640, 16)
"""Widths of the hidden layer, one a row."""


def grid() -> str:
    """Its TOML."""
    tables = [f'[[settings]]\nname = "h{hidden}"\nhidden = {hidden}\nepochs = 6\npatience = 0' for hidden in ROWS]
    return "\n".join(['heads = ["mlp"]', f'protocols = ["{usual_protocol("mlp")}"]', *tables]) + "\n"


def store(folder: Path) -> None:
    """Seven classes, as CAER-S has."""
    names = tuple("abcdefg")
    draw = np.random.default_rng(0)
    rows = [
        Row(
            f"{number}.jpg",
            0,
            ("train", "train", "train", "val", "test")[number % 5],
            (0, 0, 9, 9),
            (0, 0, 9, 9),
            (10, 10),
            (names[number % 7],),
        )
        for number in range(PEOPLE)
    ]
    manifest = Manifest.from_rows(rows, dataset="bench", release="made", category_names=names, source="bench")
    target = Store(folder)
    target.begin(manifest, 256)
    for word in ("image", "body"):
        about = {"feature": word, "fingerprint": "0" * 16, "granularity": str(Granularity.IMAGE), "trained": True}
        target.use("bench", about | {"arrays": {name: spec.to_json() for name, spec in SPEC.items()}})
    for feature in target.features("bench").values():
        for block in feature.layout.blocks():
            keys = feature.layout.keys(block, feature.granularity)
            values = {"pooled": draw.random((len(keys), WIDTH), np.float32).astype(np.float16)}
            content = shard.Rows(keys, np.full(len(keys), Status.OK, np.uint8), [""] * len(keys), values)
            source = feature.layout.source(block, feature.granularity)
            shard.write(feature.path(block), feature.fingerprint, source, SPEC, content)


def seconds(folder: Path, address: str) -> float:
    """One run of the grid into an empty folder by the workers at ``address``."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    words = ["ablate", "--dataset", "bench", "--grid", str(folder / "grid.toml"), "--seeds", "2", "--threads", "1"]
    words += ["--store", str(folder / "store"), "--runs", str(folder / "runs")]
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as told:
        status = heads([*words, "--executor", "dask", "--scheduler", address])
    if status:
        raise SystemExit(f"the grid ended with {status}: {told.getvalue()[-300:]}")
    return time.perf_counter() - started


def main() -> None:
    """Measure and write the result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store(folder / "store")
        (folder / "grid.toml").write_text(grid())
        result = two_over_one(partial(seconds, folder), TURNS)
    record("spread", {"rows": len(ROWS), "people": PEOPLE} | result | machine())


if __name__ == "__main__":
    main()
