"""A checkpoint whose parts were altered is one line, whatever was altered."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_shot_mappings import OURS, with_ties
from safetensors import safe_open
from safetensors.torch import save_file
from toy_features import make_store

from cache.errors import AffectError, PluginFault, StoreError, WeightsError
from cache.store import Store
from heads.checkpoints import checkpoint
from heads.experiments.bench import prepare
from heads.experiments.evaluate import evaluate
from heads.experiments.experiment import run
from heads.experiments.grid import cell
from heads.head import ClassMaps, Looks
from heads.known_protocols import find

FAST = {"stream": 8, "fusion": 8, "embedding": 4, "epochs": 1, "episodes": 3, "validation_episodes": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def whole(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    one = cell("i_dml", find("cat-6:6"), FAST)
    run(prepare(store, "demo", find("cat-6:6"), [one], "cpu"), one, range(2), folder)
    return folder / "i_dml.safetensors"


def parts(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["affect-cache"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def altered(
    whole: Path, folder: Path, about: Mapping[str, Any] | None = None, tensors: Mapping[str, Any] | None = None
) -> Path:
    """A copy; a value of None takes the part away, a function changes it."""
    pair = []
    for old, new in zip(parts(whole), (about or {}, tensors or {}), strict=True):
        changed = {name: value(old[name]) if callable(value) else value for name, value in new.items()}
        pair.append({name: value for name, value in (old | changed).items() if value is not None})
    save_file(pair[1], folder / "i_dml.safetensors", {"affect-cache": json.dumps(pair[0])})
    return folder / "i_dml.safetensors"


NAMES = [
    *("head", "settings", "widths", "sizes", "seeds", "dataset", "release", "source", "kind", "protocol", "task"),
    *("features", "untrained", "task.seen", "task.unseen", "task.mapping", "task.mapping_version"),
]
"""Those of the protocol's own words stand inside ``task``."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value", [None, 3.5, [], {}, [[]], {"image/pooled": 0}, {"image/pooled": 10**30}, [-1], [0] * 9]
)
def test_every_word_about_it_altered(name: str, value: Any, whole: Path, store: Store, tmp_path: Path) -> None:
    first, _, second = name.partition(".")
    if second:
        inner = parts(whole)[0][first] | {second: value}
        path = altered(whole, tmp_path, {first: {key: x for key, x in inner.items() if x is not None}})
    else:
        path = altered(whole, tmp_path, {name: value})
    if (name, value) in (("untrained", []), ("settings", {})):
        pytest.skip("is what it may be, or another head's")
    with pytest.raises(AffectError) as caught:
        evaluate(path, store)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"dataset": None}, "not a checkpoint of a head, or damaged: dataset: field required. Train again"),
        ({"widths": {"image/pooled": 0}}, "damaged: widths.image/pooled: input should be greater than or equal to 1"),
        ({"features": {}}, "damaged: features: image of the head is not among them"),
        ({"task": {}}, "damaged: task: seen: Field required"),
        ({"kind": None}, "does not say which kind of protocol it is of, an older version's. Train again"),
    ],
)
def test_the_fault_is_named(about: dict[str, Any], told: str, whole: Path, tmp_path: Path) -> None:
    path = altered(whole, tmp_path, about)
    for read in (checkpoint.load, checkpoint.about) if not {"features", "task"} & set(about) else (checkpoint.load,):
        with pytest.raises(WeightsError) as caught:
            read(path)
        assert told in str(caught.value)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("content", ["[]", "null", '"x"', "{", "[" * 100_000, "1" * 5000, '{"head": "\\ud800"}'])
def test_words_that_are_no_table(content: str, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file(parts(whole)[1], path, {"affect-cache": content})
    with pytest.raises(WeightsError, match="not a checkpoint of a head, or damaged"):
        checkpoint.load(path)


def test_of_another_program(whole: Path, tmp_path: Path) -> None:
    save_file(parts(whole)[1], tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="not a checkpoint of a head, or damaged"):
        checkpoint.load(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("memory.places", lambda x: x + 1000),
        ("memory.places", lambda x: x - 1000),
        ("memory.places", lambda x: x[:, :2].contiguous()),
        ("memory.places", lambda x: x[:0]),
        ("memory.places", lambda x: x.float()),
        ("memory.places", None),
        ("memory.rows", lambda x: x[:1]),
        ("memory.embedding", lambda x: x[:1]),
        ("memory.embedding", lambda x: x[:, :, :2].contiguous()),
        ("memory.embedding", lambda x: x.double()),
        ("scale.image/pooled.mean", None),
        ("scale.image/pooled.std", lambda x: x[:3]),
        ("head.network.classifier.weight", None),
        ("head.network.classifier.weight", lambda x: x[:, :, :2].contiguous()),
    ],
)
def test_every_tensor_altered(
    name: str, change: Callable[[torch.Tensor], torch.Tensor] | None, whole: Path, tmp_path: Path
) -> None:
    path = altered(whole, tmp_path, tensors={name: change})
    with pytest.raises(WeightsError, match="not a checkpoint of a head, or damaged: "):
        checkpoint.load(path)


def test_another_mapping_of_the_same_version_is_told(whole: Path, store: Store, tmp_path: Path) -> None:
    other = with_ties(tmp_path, "drop")
    with pytest.raises(
        StoreError,
        match=rf"was trained with mapping \w{{16}} \(version {OURS.version}\), the one given is \w{{16}} "
        rf"\(version {OURS.version}\)\. Give the MAPPING of then, or train again",
    ):
        evaluate(whole, store, other)


def test_where_a_head_says_it_looked_is_checked(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = checkpoint.load(whole)
    name, seeds = known.head.inputs[0], len(known.about["seeds"])
    inputs = {one: torch.zeros(1, known.about["widths"][one]) for one in known.head.inputs}
    for wrong, told in (
        (Looks(maps={"no/map": torch.zeros(seeds, 1, 3, 3)}), "looks gives no/map as "),
        (Looks(objects={name: torch.zeros(seeds, 3, 3)}), f"looks gives {name} as ({seeds}, 3, 3), one of its inputs"),
        (Looks(classes=[ClassMaps(name, torch.zeros(1, 1, 4, 3, 3))]), f"looks gives the classes of {name} as (1, 1, "),
        (Looks(classes=[ClassMaps("no/map", torch.zeros(seeds, 1, 4, 3, 3))]), "looks gives the classes of no/map as "),
        (Looks(graph=torch.zeros(3, 3)), "looks gives graph as (3, 3), "),
    ):
        monkeypatch.setattr(known.head, "looks", partial(_constant, wrong))
        with pytest.raises(PluginFault, match=re.escape(told)):
            known.looks(inputs, np.zeros(1, np.int64))


def _constant(looks: Looks, features: Mapping[str, torch.Tensor]) -> Looks:
    return looks
