"""``make demo-video`` in small: a few clips, one seed. What its table must show of 480 clips stands in the README."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from cache.store import Store
from heads.experiments.evaluate import csv_text, evaluate
from pipeline.demo.clips.causes import CATEGORIES, CAUSES
from pipeline.demo.clips.write import write_clips
from scripts import demo_video

REPOSITORY = Path(__file__).resolve().parents[2]
CLIPS = 18
HANGS = 300
pytestmark = pytest.mark.timeout(HANGS + 60)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    write_clips(folder / "data" / "demo_video", CLIPS, processes=1)
    places = [word for name in ("store", "runs", "data") for word in (f"--{name}", str(folder / name))]
    command = [sys.executable, "-m", "scripts.demo_video", *places, "--seeds", "1"]
    done = subprocess.run(command, cwd=REPOSITORY, env=os.environ, capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def results(made: tuple[Path, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made[0] / "runs" / "demo_video" / "results.json").read_text())
    return found


def table(printed: str) -> dict[str, list[float]]:
    """Head -> the columns' means, of the last table."""
    lines = [line for line in printed.rpartition("== 3/3")[2].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["head", "all", *CAUSES, "ERS"]
    return {name: [float(cell.split(" ")[0]) for cell in row] for name, *row in cells[1:]}


def test_a_row_for_each_head_whose_groups_are_means_of_their_classes(
    made: tuple[Path, str], results: dict[str, Any]
) -> None:
    found, rows = table(made[1]), {row["name"]: row for row in results["rows"]}
    assert list(found) == [*demo_video.ROWS]
    for head, name in demo_video.ROWS.items():
        row = rows[name]
        classes = row["classes"]["map"]
        groups = [
            [classes[c.name]["mean"] for c in CATEGORIES if c.cause == cause and c.name in classes] for cause in CAUSES
        ]
        wanted = [row["metrics"]["map"]["mean"], *map(np.mean, groups), row["metrics"]["ers"]["mean"]]
        np.testing.assert_allclose(found[head], 100 * np.array(wanted), atol=0.0051)


def test_the_fusion_is_the_mean_of_what_its_rows_say(made: tuple[Path, str]) -> None:
    folder, printed = made
    every = []
    for row in ("tsn_rgb-BC", "tsn_flow-B", "st_gcn-small"):
        path = folder / "runs" / "demo_video" / f"{row}.safetensors"
        every.append(list(csv.DictReader(io.StringIO(csv_text(evaluate(path, Store(folder / "store")))))))
    told = []
    for category in CATEGORIES:
        right = [category.name in line["class"].split(", ") for line in every[0]]
        if any(right):
            shares = np.mean([[float(line[category.name]) for line in lines] for lines in every], 0)
            told.append(average_precision_score(right, shares))
    assert table(printed)[demo_video.FUSION][0] == pytest.approx(100 * np.mean(told), abs=0.5)


def test_the_differences_are_those_of_the_table(made: tuple[Path, str]) -> None:
    found, columns = table(made[1]), ["all", *CAUSES, "ERS"]
    for column, first, second in demo_video.DIFFERENCES:
        (line,) = [line for line in made[1].splitlines() if line.startswith(f"{column}: {first} minus {second}: ")]
        place = columns.index(column)
        apart = float(line.rpartition(": ")[2].split(" ")[0])
        assert apart == pytest.approx(found[first][place] - found[second][place], abs=0.011)
