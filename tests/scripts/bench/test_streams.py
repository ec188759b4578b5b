"""What the benchmark of streams puts into its copies of a store."""

from pathlib import Path

import numpy as np
import pytest

from cache.manifest import Manifest, Row
from cache.store import Store
from scripts.bench.streams import add_noise, shuffle_labels

PEOPLE, BOX = 600, (0.0, 0.0, 9.0, 9.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """People of whom a third have two labels together, in two splits."""
    rows = [
        Row(f"{n}.jpg", 0, "train" if n % 2 else "test", BOX, BOX, (10, 10), ("a", "b") if n % 3 == 0 else ("c",))
        for n in range(PEOPLE)
    ]
    made = Manifest.from_rows(rows, dataset="demo", release="made", category_names=("a", "b", "c"), source="test")
    store = Store(tmp_path)
    store.begin(made, 256)
    return store


def test_noise_is_a_feature_like_any_other(store: Store) -> None:
    add_noise(store)
    numbers, _ = store.features("demo")["noise"].of_people("numbers", np.arange(PEOPLE))
    assert numbers.shape == (PEOPLE, 150)
    assert abs(numbers.mean()) < 0.02
    assert numbers.std() == pytest.approx(1, abs=0.02)
    assert len(np.unique(numbers[:, 0])) == PEOPLE


def test_shuffled_labels_are_as_frequent_and_no_longer_together(store: Store) -> None:
    before, splits = store.manifest("demo").categories, np.array(store.manifest("demo").splits)
    shuffle_labels(store)
    after = store.manifest("demo").categories
    for split in ("train", "test"):
        assert (after[splits == split].sum(0) == before[splits == split].sum(0)).all()
    assert (before[:, 0] == before[:, 1]).all()
    assert np.mean(after[before[:, 0] == 1, 1]) == pytest.approx(1 / 3, abs=0.1)
    assert np.mean(after[after[:, 0] == 1, 1]) == pytest.approx(1 / 3, abs=0.1)
