"""Settings name the features of a head's streams; wrong ones are one line."""

from pathlib import Path
from typing import Any

import pytest
import torch
from toy_features import MORE, SPECS, make_store

from cache.errors import ConfigError
from cache.store import Store
from heads.checkpoints import checkpoint
from heads.experiments.bench import prepare
from heads.experiments.evaluate import evaluate
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.known_protocols import find

FAST = {"stream": 16, "semantic_hidden": 8, "fusion": 16, "embedding": 8, "epochs": 2, "episodes": 10}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("store"), features=[*SPECS, *MORE])


@pytest.mark.parametrize(
    ("head", "values", "expected"),
    [
        ("ib_dml", {}, ("image/pooled", "body/pooled")),
        ("ib_dml", {"image": "image50", "body": "body50/pooled"}, ("image50/pooled", "body50/pooled")),
        ("sem_b_dml", {}, ("body/pooled", "sem2vec/presence")),
        ("sem_b_dml", {"semantic": "area", "sem2vec": "light"}, ("body/pooled", "light/area")),
        ("kosti", {"body": "body50"}, ("scene/pooled", "body50/pooled")),
        ("ib_dml_places", {"scene": "image"}, ("image/pooled", "body/pooled")),
        ("i_dml", {"extra": "scene/scores,scene/attributes"}, ("image/pooled", "scene/scores", "scene/attributes")),
        ("i_dml", {"extra": ["scene"]}, ("image/pooled", "scene/pooled")),
        ("random", {}, ()),
    ],
)
def test_inputs_follow_the_settings(head: str, values: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert cell(head, find("cat-6:6"), values).inputs == expected


@pytest.mark.parametrize(
    ("head", "values", "expected"),
    [
        ("i_dml", {"body": "body50"}, "unknown setting 'body'"),
        ("kosti", {"image": "image50"}, "unknown setting 'image'"),
        ("ib_dml", {"image": "body"}, "body/pooled is the input of two streams of one head"),
        ("ib_dml", {"image": "a/b/c"}, "image: value error, must be a feature's name, or feature/array, got 'a/b/c'"),
        ("sem_i_dml", {"sem2vec": "sem2vec/area"}, "sem2vec: value error, must be a feature's name, got"),
        ("sem_i_dml", {"semantic": "areas"}, "semantic: input should be 'presence' or 'area'"),
    ],
)
def test_wrong_streams_are_one_line(head: str, values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        cell(head, find("cat-6:6"), values)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("head", "values", "widths"),
    [
        ("sem_ib_dml", {"image": "image50", "body": "body50"}, [48, 48, 150]),
        ("sem_i_dml", {"semantic": "area", "extra": "scene/scores"}, [24, 150, 36]),
        ("kosti", {"extra": "scene/attributes"}, [20, 24, 10]),
        ("ib_dml_places", {}, [20, 24]),
    ],
)
def test_other_features_train_and_score_again_from_the_checkpoint(
    store: Store, tmp_path: Path, head: str, values: dict[str, Any], widths: list[int]
) -> None:
    fast = {"fusion": 16, "epochs": 2, "episodes": 10} if head == "kosti" else FAST
    one = cell(head, find("cat-6:6"), fast | values)
    found = run(prepare(store, "demo", find("cat-6:6"), [one], "cpu"), one, range(2), tmp_path)
    loaded = checkpoint.load(tmp_path / f"{head}.safetensors")
    assert loaded.head.inputs == one.inputs
    assert [loaded.about["widths"][name] for name in one.inputs] == widths
    assert set(loaded.scales) == set(one.inputs) - {"sem2vec/presence"}
    again = evaluate(tmp_path / f"{head}.safetensors", store)
    assert again.metrics == found.row()["metrics"]
    assert all(torch.isfinite(answer.shares).all() for answer in again.answers())
