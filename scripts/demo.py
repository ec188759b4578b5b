"""``make demo``: draw the data set, extract every stage, train ten heads, print two tables. The whole job, small."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from heads.cli import main as heads
from heads.cli import wait_briefly
from pipeline.cli import main as pipeline


def main(words: Sequence[str] | None = None) -> int:
    """Exit status of the first step that fails, else 0."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo", description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("store"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--seeds", default="5")
    options = parser.parse_args(words)
    wait_briefly()
    store = ["--dataset", "demo", "--store", str(options.store)]
    grids = [
        ["ablate", *store, "--runs", str(options.runs), "--seeds", options.seeds, "--grid", name, "--name", name]
        for name in ("demo", "demo_labels")
    ]
    started = time.monotonic()
    for what, command, words in (
        ("1/3 pixels to cache", pipeline, ["extract", *store, "--data", str(options.data)]),
        ("2/3 cache to table: classes never trained on, from one sample each", heads, grids[0]),
        ("3/3 cache to table: several labels a person", heads, grids[1]),
    ):
        if status := _step(what, command, words):
            return status
    print(
        f"\ndemo done in {time.monotonic() - started:.0f} s. Next: make train HEAD=sem_ib_dml, or make help", flush=True
    )
    return 0


def _step(what: str, command: Callable[[list[str]], int], words: list[str]) -> int:
    print(f"\n== {what}", flush=True)
    return command(words)


if __name__ == "__main__":
    sys.exit(main())
