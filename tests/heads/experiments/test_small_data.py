"""A data set of one's own with 44 people: it trains, with a line on what became of the batch, or the cure works."""

import json
from pathlib import Path

import pytest
from toy_features import make_store

from cache.manifest import Row
from cache.store import Store
from heads.cli import main

WORDS = ("Anger", "Fear", "Happiness", "Peace")
MAPPING = """version = 1
ties = "seen"
rounding = "half_up"
test_splits = ["train", "val", "test"]
[seen]
up = ["Anger"]
down = ["Fear"]
[unseen]
"mine" = ["Happiness", "Peace"]
"""


def row(number: int, word: str, split: str) -> Row:
    box = (1.0, 1.0, 50.0, 60.0)
    return Row(f"{number}.jpg", 0, split, box=box, original_box=box, size=(64, 64), categories=(word,))


def small_store(root: Path, train: dict[str, int]) -> Store:
    """Per class so many train people, 2 val and 2 test."""
    words = [(word, "train") for word, count in train.items() for _ in range(count)]
    words += [(word, split) for word in WORDS for split in ("val", "val", "test", "test")]
    rows = [row(number, word, split) for number, (word, split) in enumerate(words)]
    return make_store(root, rows, "table", features=["image", "body"])


def train(root: Path, *words: str) -> int:
    (root / "mine.toml").write_text(MAPPING)
    places = ["--store", str(root / "store"), "--runs", str(root / "runs"), "--name", "run", "--dataset", "table"]
    return main(["train", *places, "--seeds", "1", "--threads", "1", *words])


ONE_SHOT = ["--head", "ib_dml", "--protocol", "mine", "--mapping"]


@pytest.mark.parametrize(
    ("head", "people", "step", "smaller"),
    [(["--head", "linear"], 28, 28, 8), (["--head", "mlp"], 28, 28, 8), (ONE_SHOT, 14, 12, 8)],
)
def test_fewer_people_than_a_batch_train_and_the_table_says_so(
    head: list[str], people: int, step: int, smaller: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_store(tmp_path / "store", dict.fromkeys(WORDS, 7))
    words = [*head, str(tmp_path / "mine.toml")] if head is ONE_SHOT else head
    assert train(tmp_path, *words, "--set", "epochs=2") == 0
    told = f"{people} train people are fewer than batch = 32: every epoch is one step of {step}. "
    line = f'{head[1]}: {told}SET="batch={smaller}" makes more steps of fewer.'
    assert line in capsys.readouterr().out.splitlines()
    assert train(tmp_path, *words, "--set", "epochs=2 batch=8") == 0
    assert "fewer than batch" not in capsys.readouterr().out
    (found,) = json.loads((tmp_path / "runs" / "run" / "results.json").read_text())["rows"]
    assert found["settings"]["batch"] == 8


@pytest.mark.parametrize(("smallest", "cure"), [(3, "per_class=3 batch=30"), (2, "per_class=2"), (1, "per_class=0")])
def test_a_class_smaller_than_a_group_is_told_with_a_cure_that_works(
    smallest: int, cure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_store(tmp_path / "store", {"Anger": 11, "Fear": smallest, "Happiness": 7, "Peace": 7})
    words = [*ONE_SHOT, str(tmp_path / "mine.toml"), "--set"]
    assert train(tmp_path, *words, "epochs=1") == 2
    assert f"class down has {smallest} train people, needs at least 4 (per_class). " in (err := capsys.readouterr().err)
    assert err.endswith(f'Take more data or another PROTOCOL, or SET="{cure}"\n')
    assert train(tmp_path, *words, f"epochs=1 {cure}") == 0


def test_rows_that_are_not_trained_for_want_of_people_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_store(tmp_path / "store", {"Anger": 11, "Fear": 3, "Happiness": 7, "Peace": 7})
    (tmp_path / "small.toml").write_text(
        'heads = ["linear", "mlp", "ib_dml"]\nprotocols = ["single-label"]\n'
        '[[settings]]\nfor = ["mlp", "ib_dml"]\nper_class = 4\n[[settings]]\nfor = ["linear"]\nper_class = 0\n'
    )
    places = ["--store", str(tmp_path / "store"), "--runs", str(tmp_path / "runs"), "--dataset", "table"]
    assert main(["ablate", *places, "--grid", str(tmp_path / "small.toml"), "--seeds", "1", "--set", "epochs=1"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Not trained: ")]
    assert len(told) == 1, "rows of one reason are named together"
    start = "Not trained: mlp, ib_dml: table single-label: class Fear has 3 train people, needs at least 4 (per_class)"
    assert told[0].startswith(start)
