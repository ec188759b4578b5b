"""A trained head that guesses, of the drawn demo, and the words that ask it."""

from pathlib import Path

from toy_features import make_store

from heads.experiments.bench import prepare
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.known_protocols import find


def words(folder: Path) -> list[str]:
    """For ``scripts.predict``; the last one is where it writes."""
    store = make_store(folder / "store")
    one = cell("random", find("cat-6:6"), {"episodes": 3, "validation_episodes": 1, "epochs": 1})
    run(prepare(store, "demo", find("cat-6:6"), [one], "cpu"), one, range(1), folder / "runs" / "demo")
    places = ["--store", str(store.root), "--runs", str(folder / "runs"), "--root", str(folder / "root")]
    return ["--head", "random", *places, "--out", str(folder / "out")]
