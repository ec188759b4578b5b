"""``make demo-video``: draw clips, extract what shows looks, motion and joints, train a head on each, print one table:
which of them tells the labels that looks, motion or the order of gestures carry."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cache.errors import AffectError, ConfigError
from cache.store import Store
from heads.cli import main as heads
from heads.cli import wait_briefly
from heads.experiments.evaluate import Evaluation, evaluate
from heads.experiments.finished import checkpoint_of
from heads.statistics.comparison import difference
from heads.statistics.interval import summary
from heads.text import aligned, interval, signed
from heads.trial import Scores
from pipeline.cli import main as pipeline
from pipeline.demo.clips.causes import CATEGORIES, CAUSES

GRID, FUSION = "demo_video", "late fusion"
ROWS = {
    "tsn_rgb": "tsn_rgb-BC",
    "tsn_flow": "tsn_flow-B",
    "tsn_rgbdiff": "tsn_rgbdiff-B",
    "st_gcn": "st_gcn-small",
    "lma": "lma-conv1d",
    FUSION: "ensemble-three",
}
"""Name in the table -> its row in the grid."""
ALL, ERS = "all", "ERS"
DIFFERENCES = (
    ("appearance", "tsn_rgb", "tsn_flow"),
    ("motion", "tsn_flow", "tsn_rgb"),
    ("pose", "st_gcn", "tsn_rgb"),
    ("pose", "st_gcn", "tsn_flow"),
    (ALL, FUSION, "tsn_rgb"),
    (ALL, FUSION, "tsn_flow"),
)

Row = Mapping[str, Scores]
"""Column -> its scores."""


def main(words: Sequence[str] | None = None) -> int:
    """Exit status of the first step that fails, else 0."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo_video", description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("store"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--seeds", default="3")
    options = parser.parse_args(words)
    wait_briefly()
    store = ["--dataset", "demo_video", "--store", str(options.store)]
    grid = ["ablate", *store, "--runs", str(options.runs), "--seeds", options.seeds, "--grid", GRID, "--name", GRID]
    started = time.monotonic()
    for what, command, words in (
        ("1/3 clips to cache", pipeline, ["extract", *store, "--data", str(options.data)]),
        ("2/3 cache to table: a head for each kind of evidence", heads, grid),
    ):
        if status := _step(what, command, words):
            return status
    print("\n== 3/3 which labels each of them tells: mAP %, by what carries the label", flush=True)
    try:
        lines = told(options.store, options.runs / GRID)
    except AffectError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    print(f"\ndemo-video done in {time.monotonic() - started:.0f} s", flush=True)
    return 0


def told(store: Path, run: Path) -> list[str]:
    """The table and the paired differences, as lines. Raises: AffectError when a row is not there or damaged."""
    rows = {name: evaluate(checkpoint_of(run, row), Store(store)) for name, row in ROWS.items()}
    kind = next(iter(rows.values())).protocol.resamples
    scores = {name: scored(one) for name, one in rows.items()}
    columns = [ALL, *CAUSES, ERS]
    table = [["head", *columns]]
    table += [[name, *(interval(summary(row[column], kind)) for column in columns)] for name, row in scores.items()]
    lines = [aligned(table)]
    for column, first, second in DIFFERENCES:
        apart = difference(scores[first][column], scores[second][column], kind)
        lines.append(f"{column}: {first} minus {second}: {signed(apart) if apart else 'not over the same people'}")
    return lines


def scored(row: Evaluation) -> Row:
    """By column. Raises: ConfigError when no test person has a label of some cause."""
    fitted = {name: row.loaded.memory[name].cpu().numpy() for name in row.protocol.fits}
    found = row.trial.scores(row.output, fitted)
    means = {cause: _mean(cause, found["map"].classes) for cause in CAUSES}
    return {ALL: found["map"], **means, ERS: found["ers"]}


def _mean(cause: str, classes: Mapping[str, Scores]) -> Scores:
    """Over the classes that it carries and that some test person is in. Raises: ConfigError when there is none."""
    mine = [classes[one.name] for one in CATEGORIES if one.cause == cause and one.name in classes]
    if not mine:
        raise ConfigError(f"no test person has a label that {cause} carries: there are too few clips")
    return Scores(np.mean([one.seeds for one in mine], 0), np.mean([one.resampled for one in mine], 0))


def _step(what: str, command: Callable[[list[str]], int], words: list[str]) -> int:
    print(f"\n== {what}", flush=True)
    return command(words)


if __name__ == "__main__":
    sys.exit(main())
