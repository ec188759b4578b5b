"""Rows of the store as tensors: order, repeats, status, and what is told when something is not there."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_features import make_store, manifest_of, people

from cache.errors import ConfigError, StoreError, UnknownName
from heads.inputs import standardise
from heads.inputs.features import device, load_split

CPU = torch.device("cpu")
INPUTS = ("image/pooled", "body/pooled", "sem2vec/presence")


def test_rows_come_in_manifest_order_with_the_images_feature_for_each_person(tmp_path: Path) -> None:
    store = make_store(tmp_path, missing={"body": [4]})
    manifest, features = store.manifest("demo"), store.features("demo")
    rows = np.array([0, 1, 4, 200, 90, 5, 6])
    split = load_split(features, manifest, INPUTS, rows, CPU)
    assert split.rows.tolist() == sorted(rows.tolist())
    assert split.widths() == {"body/pooled": 24, "image/pooled": 24, "sem2vec/presence": 150}
    for name in INPUTS:
        word, array = name.split("/")
        for place, row in enumerate(split.rows.tolist()):
            key = manifest.keys[row] if word == "body" else manifest.images[row]
            values, status = features[word].read(array, [key])
            assert split.tensors[name].dtype == torch.float32
            assert split.tensors[name][place].tolist() == values[0].astype(np.float32).tolist()
            assert split.present[name][place] == (status[0] == 0)
    assert manifest.images[0] == manifest.images[1]
    assert torch.equal(split.tensors["image/pooled"][0], split.tensors["image/pooled"][1])


def test_having_asks_every_input_and_take_keeps_the_order_asked_for(tmp_path: Path) -> None:
    store = make_store(tmp_path, missing={"body": [4], "image": [0]})
    split = load_split(store.features("demo"), store.manifest("demo"), INPUTS, np.arange(10), CPU)
    assert np.flatnonzero(~split.having(INPUTS, 260)[:10]).tolist() == [0, 1, 4]
    assert np.flatnonzero(~split.having(["body/pooled"], 260)[:10]).tolist() == [4]
    assert split.having([], 260).sum() == 10
    taken = split.take(["body/pooled"], np.array([7, 2]))["body/pooled"]
    assert torch.equal(taken, split.tensors["body/pooled"][[7, 2]])


def test_what_is_not_there_is_named_with_its_cure(tmp_path: Path) -> None:
    store = make_store(tmp_path, features=("image", "pose"))
    known = (store.features("demo"), store.manifest("demo"))
    with pytest.raises(
        StoreError, match=r"demo: feature 'body' is not in the store\..* make extract DATASET=demo STAGES=body"
    ):
        load_split(*known, ["body/pooled"], np.arange(3), CPU)
    with pytest.raises(UnknownName, match=r"'poold'. Did you mean 'pooled'"):
        load_split(*known, ["image/poold"], np.arange(3), CPU)
    with pytest.raises(ConfigError, match=r"pose/keypoints: one row has shape \(26, 2\); a head takes vectors"):
        load_split(*known, ["pose/keypoints"], np.arange(3), CPU)


def test_devices_are_named_and_never_changed_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device("cpu") == CPU
    with pytest.raises(UnknownName, match=r"no device 'cuad'. Did you mean 'cuda'"):
        device("cuad")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"device cuda: torch sees no CUDA device on this machine. Take DEVICE=cpu"):
        device("cuda")


def test_standardised_training_rows_have_mean_0_and_deviation_1() -> None:
    x = torch.randn(500, 6, dtype=torch.float64) * torch.tensor([1.0, 2.0, 5.0, 1.0, 0.5, 3.0]) + 7
    z = standardise.fit(x)(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(6, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(z.std(0, correction=0), torch.ones(6, dtype=torch.float64))


def test_a_dead_channel_cannot_explode() -> None:
    x = torch.cat([torch.randn(100, 3), torch.zeros(100, 1)], 1)
    scale = standardise.fit(x)
    assert abs(float(scale(torch.ones(1, 4))[0, 3])) < 200
    assert torch.isfinite(standardise.fit(torch.zeros(5, 2))(torch.ones(1, 2))).all()


def test_two_people_of_one_image_share_it() -> None:
    manifest = manifest_of(people())
    assert len(set(manifest.images)) < len(manifest.keys)
