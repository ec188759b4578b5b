"""Reading ahead: the same results in the same order; one item ahead and no more; faults and leaving in between."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_features import make_store

from cache.errors import ShardError
from heads.head import CLASS
from heads.inputs import samples as looking
from heads.inputs import stored
from heads.inputs.ahead import ahead
from heads.inputs.features import load_split
from heads.inputs.samples import Samples

CPU = torch.device("cpu")
NAME = "pose/keypoints"


def readers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("reading ahead")]


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_all_in_order_one_ahead_in_another_thread(count: int) -> None:
    begun: list[int] = []
    where = set()

    def read(item: int) -> int:
        begun.append(item)
        where.add(threading.current_thread())
        return item * item

    found = []
    for number, result in enumerate(ahead(read, range(count))):
        deadline = time.monotonic() + 5
        while len(begun) < min(count, number + 2) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert begun == list(range(min(count, number + 2)))  # the next is read while this one is used, and no more
        found.append(result)
    assert found == [item * item for item in range(count)]
    assert threading.main_thread() not in where
    assert readers() == []


def test_what_cannot_be_read_is_told_in_its_place_and_the_thread_ends() -> None:
    def read(item: int) -> int:
        if item == 2:
            raise ShardError("row 2 is damaged")
        return item

    found: list[int] = []
    results = ahead(read, range(9))
    with pytest.raises(ShardError, match="row 2 is damaged"), closing(results):
        found.extend(results)
    assert found == [0, 1]
    assert readers() == []


def interrupted(results: Iterator[None]) -> None:
    next(results)
    raise KeyboardInterrupt


def test_left_in_between_it_reads_no_more_and_the_thread_ends() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        yield from range(100)

    results = ahead(lambda item: begun.append(item), items())
    with pytest.raises(KeyboardInterrupt), closing(results):
        interrupted(results)
    assert readers() == []
    assert begun == [0, 1]


def test_batches_and_looks_of_stored_rows_are_the_same_and_a_damaged_row_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LARGE", 1)  # several rows at once
    monkeypatch.setattr(looking, "_NUMBERS", 7 * 52)
    store = make_store(tmp_path, features=("image", "pose"))
    rows = np.arange(0, 250, 7)
    features = store.features("demo")
    split = load_split(features, store.manifest("demo"), (NAME,), rows, CPU, [NAME])
    known = Samples.of({}, rows, {CLASS: rows % 5}, CPU, split.left((NAME,), rows))
    expected = torch.from_numpy(features["pose"].of_people("keypoints", rows)[0].astype(np.float32))
    order = torch.randint(0, len(rows), (5, 2, 3), generator=torch.Generator().manual_seed(1))
    with closing(known.batches(order)) as batches:
        for places, (given, targets) in zip(order, batches, strict=True):
            assert torch.equal(given[NAME], expected[places])
            assert targets[CLASS].tolist() == (rows % 5)[places.numpy()].tolist()
    assert torch.equal(torch.cat([one[NAME] for one in known.looks()]), expected)

    class Damaged:
        dtype = np.dtype(np.float32)

        def __getitem__(self, row: int) -> None:
            raise ShardError(f"shard-0: row {row} cannot be decompressed")

    parts: Any = [Damaged()]
    spoilt = Samples(
        known.features,
        known.targets,
        {NAME: stored.Stored(parts, known.stored[NAME].places * [0, 1], "", (26, 2), CPU)},
    )
    with pytest.raises(ShardError, match="cannot be decompressed"), closing(spoilt.batches(order)) as batches:
        next(batches)
    assert readers() == []
