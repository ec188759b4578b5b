"""A grid's table from photographs in one command: what is told first, what is done, and what a second run leaves."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.reproduce import main
from scripts.reproducing.cost import Cost

CONFIG = """
dataset = "table"
shard_images = 8
[stages.image]
stage = "backbone"
model = "shufflenet_v2_x0_5"
input = "image"
size = [64, 64]
"""
GRID = """
heads = ["linear"]
protocols = ["single-label"]
[[settings]]
features = ["image"]
per_class = 0
batch = 8
epochs = 2
[[settings]]
name = "clip"
features = ["image", "clip"]
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    root = tmp_path / "photographs"
    root.mkdir()
    draw = np.random.default_rng(0)
    with (root / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "label", "split"])
        for number in range(30):
            pixels = draw.integers(0, 100, (80, 90, 3), np.uint8) + np.uint8(100 * (number % 2))
            Image.fromarray(pixels).save(root / f"{number}.jpg")
            split = "train" if number < 18 else "val" if number < 24 else "test"
            table.writerow([f"{number}.jpg", ["calm", "glad"][number % 2], split])
    (tmp_path / "features.toml").write_text(CONFIG)
    (tmp_path / "small.toml").write_text(GRID)
    places = {"root": root, "config": tmp_path / "features.toml", "grid": tmp_path / "small.toml"}
    places |= {name: tmp_path / name for name in ("store", "runs", "weights")}
    given = [word for name, path in places.items() for word in (f"--{name}", str(path))]
    return [*given, "--dataset", "table", "--untrained", "--seeds", "2"]


def test_it_tells_does_and_goes_on(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--plan"]) == 0
    told = capsys.readouterr().out
    assert "2 cells, which read 2 features" in told
    assert "to extract: image, 30 of 30 images" in told
    assert "not in the config: clip; 1 cells that read it will say so" in told
    assert "measuring on 24 images, a feature at a time\nextraction: " in told, "said before it takes minutes"
    assert "hours on this machine" in told
    assert not (tmp_path / "store").exists(), "a plan leaves nothing"
    assert main(words) == 0
    assert "1/3 pixels to cache" in capsys.readouterr().out
    (results,) = (tmp_path / "runs").glob("*/results.json")
    assert [row["head"] for row in json.loads(results.read_text())["rows"]] == ["linear"]
    assert (results.parent / "report.html").is_file()
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "in the store: image" in told
    assert "to extract" not in told.partition("==")[0]
    assert "reused 1 of 1 cells" in told
    assert main([*words, "--set", "epochs=3"]) == 0
    assert len(list((tmp_path / "runs").glob("*/results.json"))) == 2, "another SET is another run"


def test_hours_are_the_mean_with_two_standard_errors() -> None:
    mean, low, high = Cost((3.0, 4.0, 5.0), 0).hours(3600)
    assert (mean, low, high) == pytest.approx((4, 4 - 2 / 3**0.5, 4 + 2 / 3**0.5))


def test_what_is_wrong_is_one_line(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more, line in [
        (["--grid", "affect_dlm"], "Did you mean 'affect_dml'"),
        (["--root", str(tmp_path / "none")], "no such folder"),
    ]:
        assert main([*words, *more]) == 2
        told = capsys.readouterr().err.strip()
        assert line in told
        assert "\n" not in told


@pytest.mark.parametrize("plan", [["--plan"], []])
def test_a_file_that_training_would_miss_stops_it_before_anything_is_measured(
    plan: list[str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid, gone = tmp_path / "graph.toml", tmp_path / "none.txt"
    grid.write_text('heads = ["ml_gcn"]\nprotocols = ["multilabel"]\n')
    assert main([*words, *plan, "--grid", str(grid), "--set", f"words={gone}"]) == 2
    told = capsys.readouterr()
    assert told.err == f"error: {gone}: cannot be read: No such file or directory. See words of ml_gcn\n"
    assert told.out == ""
    assert not (tmp_path / "store").exists()
