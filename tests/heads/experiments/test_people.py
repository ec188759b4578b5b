"""Everybody in an image from its maps, by the command line: trained, found, judged, and told without any boxes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from people_maps import CLASSES, SIZE, SPECS, people_store

from heads.checkpoints import checkpoint
from heads.cli import main

SETTINGS = "trunk=trunk strides=c4,c8 teachers=fer/c8 width=8 neck_blocks=1 blocks=1 extractor_blocks=1 common=8"
TRAINING = "detections=6 batch=9 epochs=12 lr=0.01 resamples=50 metrics=er,oer,pd_50"


def train(root: Path) -> Path:
    """Returns the run's folder."""
    words = [
        "train",
        "--store",
        str(root / "store"),
        "--runs",
        str(root / "runs"),
        "--name",
        "run",
        "--dataset",
        "demo",
    ]
    words += ["--head", "amalgamated", "--seeds", "2", "--threads", "1", "--set", f"{SETTINGS} {TRAINING}"]
    assert main(words) == 0
    return root / "runs" / "run"


def overlap(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    """Intersection over union."""
    both = np.clip(np.minimum(one[2:], two[2:]) - np.maximum(one[:2], two[:2]), 0, None).prod()
    return float(both / ((one[2:] - one[:2]).prod() + (two[2:] - two[:2]).prod() - both))


def test_people_are_found_and_told_apart_and_a_new_image_needs_neither_boxes_nor_teacher(tmp_path: Path) -> None:
    store = people_store(tmp_path / "store")
    folder = train(tmp_path)
    (row,) = json.loads(next(folder.rglob("results.json")).read_text())["rows"]
    assert row["head"] == "amalgamated"
    manifest, loaded = store.manifest("demo"), checkpoint.load(next(folder.rglob("amalgamated.safetensors")))
    images = np.flatnonzero((np.array(manifest.splits) == "test") & (np.array(manifest.persons) == 0))
    trunk = store.features("demo")["trunk"]
    maps = {f"trunk/{array}": torch.as_tensor(trunk.of_people(array, images)[0]).float() for array in ("c4", "c8")}
    found = loaded.finds(maps, np.arange(len(images)) + len(manifest))
    assert found is not None
    right, shares = [], found.answer.shares.view(*found.scores.shape, -1)
    for place, image in enumerate(images):
        assert int((found.scores[place] > 0).sum()) == manifest.images.count(manifest.images[image])
        for person in np.flatnonzero(np.array(manifest.images) == manifest.images[image]):
            overlaps = [overlap(manifest.boxes[person] / SIZE, box) for box in found.boxes[place].numpy()]
            word = CLASSES[int(shares[place, int(np.argmax(overlaps))].argmax())]
            right.append(max(overlaps) >= 0.5 and manifest.categories[person, list(CLASSES).index(word)])
    assert np.mean(right) > 0.8


def test_a_feature_of_one_person_each_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = people_store(tmp_path / "store", images=10)
    arrays = {array: spec.to_json() for array, spec in SPECS["fer"].items()}
    about = {"feature": "fer", "fingerprint": "f" * 16, "trained": True, "arrays": arrays, "granularity": "person"}
    with store.lock("demo"):
        store.use("demo", about)
    words = [
        "--store",
        str(tmp_path / "store"),
        "--runs",
        str(tmp_path / "runs"),
        "--dataset",
        "demo",
        "--set",
        SETTINGS,
    ]
    assert main(["train", "--head", "amalgamated", *words]) == 2
    assert capsys.readouterr().err.endswith(
        "fer/c8: has a row for each person, and this task's samples are photographs with all their people. "
        "Give features of whole photographs; fer is of one person each\n"
    )
