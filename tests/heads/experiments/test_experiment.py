"""A whole cell on a toy store: test labels are out of reach of training; missing people are counted; checkpoints."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_features import MORE, SPECS, make_store, manifest_of, people

from cache import plugins
from cache.errors import TooLittleData, WeightsError
from cache.manifest import Manifest
from cache.store import Store
from heads.checkpoints import checkpoint
from heads.experiments.bench import prepare
from heads.experiments.cell import Cell, Result
from heads.experiments.experiment import run
from heads.experiments.grid import cell, usual_protocol
from heads.known_protocols import find
from heads.learning import memory
from heads.learning.train import Best, train
from heads.learning.training import fields
from heads.protocol import Protocol
from heads.task import Task

FAST = {"stream": 16, "semantic_hidden": 8, "fusion": 16, "embedding": 8, "epochs": 3, "episodes": 20}
FAST |= {"attention_heads": 2, "key": 8, "geometry_width": 8, "graph_hidden": 16}
SEEDS = range(2)
ELSEWHERE = {"amalgamated", "lma", "st_gcn", "tsn_flow", "tsn_rgb", "tsn_rgbdiff"}
"""They read rows with frames or maps of crowds, which this store has none of: test_clip_rows.py, test_people.py."""
HEADS = [name for name in plugins.names("heads.models") if name not in ELSEWHERE]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(
        tmp_path_factory.mktemp("store"), missing={"body": [3, 50]}, untrained=("body",), features=[*SPECS, *MORE]
    )


def usual(head: str) -> Protocol:
    return find(usual_protocol(head))


def fast(head: str) -> dict[str, Any]:
    """What of FAST the head has under its usual protocol."""
    return {
        key: value
        for key, value in FAST.items()
        if key in fields(plugins.load("heads.models", head, "Model"), type(usual(head)), {})
    }


def result(store: Store, folder: Path, head: str = "sem_ib_dml", **values: Any) -> Result:
    protocol = usual(head)
    one = cell(head, protocol, fast(head) | values)
    bench = prepare(store, "demo", protocol, [one], "cpu")
    return run(bench, one, SEEDS, folder)


def test_a_row_has_what_the_contract_asks_for(store: Store, tmp_path: Path) -> None:
    found = result(store, tmp_path)
    row = found.row()
    assert (row["head"], row["seeds"]) == ("sem_ib_dml", 2)
    assert row["seconds"] > 0
    assert sum(row["left_out"].values()) == 2
    for name in ("accuracy", "macro_accuracy"):
        score = row["metrics"][name]
        low, high = score["ci95"]
        assert 0 <= low <= score["mean"] <= high <= 1
        assert len(score["values"]) == 2
        assert score["mean"] == pytest.approx(np.mean(score["values"]))
    shapes = [(24, 16), (16,), (24, 16), (16,), (150, 8), (8,), (8,), (8,), (8, 16), (16,)]
    shapes += [(48, 16), (16,), (16, 8), (8,), (8, 6), (6,)]
    assert row["parameters"] == sum(int(np.prod(shape)) for shape in shapes)
    assert row["metrics"]["accuracy"]["mean"] > 0.25


@pytest.mark.parametrize("head", HEADS)
def test_poisoned_test_labels_change_nothing_of_training(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    seen: list[Best] = []
    monkeypatch.setattr(memory, "train", lambda *args: seen.append(train(*args)) or seen[-1])
    clean = result(store, tmp_path / "clean", head)
    kind = type(usual(head))
    honest = kind.task

    def poisoned(protocol: Protocol, manifest: Manifest) -> Task:
        task = honest(protocol, manifest)
        targets = {kind: values.copy() for kind, values in task.targets.items()}
        for values in targets.values():
            values[task.test] = np.random.default_rng(0).permutation(values[task.test])
        return replace(task, targets=targets)

    monkeypatch.setattr(kind, "task", poisoned)
    spoilt = result(store, tmp_path / "spoilt", head)
    assert seen[0].epoch.tolist() == seen[1].epoch.tolist()
    assert all(torch.equal(x, seen[1].state[name]) for name, x in seen[0].state.items())
    assert [one.loss.tolist() for one in seen[0].history] == [one.loss.tolist() for one in seen[1].history]
    before, after = ([score.resampled for score in one.scores.values()] for one in (clean, spoilt))
    assert not all(np.array_equal(*pair, equal_nan=True) for pair in zip(before, after, strict=True))


@pytest.mark.parametrize("head", [name for name in HEADS if name != "random"])
def test_poisoned_test_features_change_nothing_of_training(store: Store, tmp_path: Path, head: str) -> None:
    one = cell(head, usual(head), fast(head))
    bench = prepare(store, "demo", usual(head), [one], "cpu")
    clean = run(bench, one, SEEDS, tmp_path)
    for tensor in bench.split.tensors.values():
        tensor[torch.as_tensor(np.searchsorted(bench.split.rows, bench.task.test))] = 1e6
    spoilt = run(bench, one, SEEDS, tmp_path)
    assert all(torch.equal(x, spoilt.best.state[name]) for name, x in clean.best.state.items())


@pytest.mark.parametrize("shots", [1, 5])
def test_more_shots_leave_fewer_queries_and_validate_on_classes_that_have_them(
    store: Store, tmp_path: Path, shots: int
) -> None:
    found = result(store, tmp_path, shots=shots)
    task = find("cat-6:6").task(store.manifest("demo"))
    tested = np.array(list(task.class_counts()["test"].values()))
    hits = found.scores["accuracy"].resampled * (tested.sum() - found.lost["test"] - 6 * shots)
    np.testing.assert_allclose(hits, hits.round(), atol=1e-9)
    assert hits.max() > 1
    assert found.row()["settings"]["shots"] == shots
    assert found.row()["metrics"]["accuracy"]["mean"] > 0.25


def test_ten_shots_ask_for_supports_that_are_not_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(
        TooLittleData, match=r"unseen class \w+ has \d+ people, needs at least 11 \(support and query\)"
    ):
        result(store, tmp_path, shots=10)


def test_ten_shots_are_better_than_one_where_there_are_enough_people(tmp_path: Path) -> None:
    large = make_store(tmp_path / "store", people(1040), features=["image"], signal=0.3)
    scores = [result(large, tmp_path, "i_dml", shots=shots, rule="centroid").row()["metrics"] for shots in (1, 10)]
    many, one = (found["macro_accuracy"]["values"] for found in reversed(scores))
    assert min(many) > max(one)


def test_the_same_run_gives_the_same_numbers(store: Store, tmp_path: Path) -> None:
    first, second = (result(store, tmp_path).row() for _ in range(2))
    assert first["metrics"] == second["metrics"]


def test_guessing_is_right_as_often_as_chance_says(store: Store, tmp_path: Path) -> None:
    low, high = result(store, tmp_path, "random").row()["metrics"]["macro_accuracy"]["ci95"]
    assert low < 1 / 6 + 0.03
    assert high > 1 / 6 - 0.03


def test_a_checkpoint_gives_back_the_head_with_its_settings_and_scales(store: Store, tmp_path: Path) -> None:
    found = result(store, tmp_path)
    loaded = checkpoint.load(tmp_path / "sem_ib_dml.safetensors")
    assert loaded.about["task"]["seen"] == ["anger", "sadness", "joy", "love", "fear", "surprise"]
    assert loaded.about["untrained"] == ["body"]
    assert loaded.about["seeds"] == [0, 1]
    assert set(loaded.scales) == {"image/pooled", "body/pooled"}
    assert loaded.recipe.model_dump() == found.cell.recipe.model_dump()
    assert all(torch.equal(x, found.best.state[name]) for name, x in loaded.head.state_dict().items())


def test_damaged_and_foreign_checkpoints_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(WeightsError, match=r"no such checkpoint\. Run make train first"):
        checkpoint.load(path)
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(WeightsError, match="not a checkpoint of a head"):
        checkpoint.load(path)


def test_people_who_lack_features_can_make_a_class_too_small(tmp_path: Path) -> None:
    task = find("cat-6:6").task(manifest_of(people()))
    love = [row for row in task.train.tolist() if task.classes[task.labels[row]] == "love"]
    poor = make_store(tmp_path / "store", missing={"body": love})
    with pytest.raises(TooLittleData, match="class love has 0 train people, needs at least 4"):
        result(poor, tmp_path, "b_dml")
    assert isinstance(result(poor, tmp_path, "random").cell, Cell)
