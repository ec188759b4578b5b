"""The weights of a network's last block beside the rows: written once, whole, found when damaged, mended."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_thread import one_thread as one_thread
from safetensors.torch import load
from toy_pipeline import Colour, make_root, run

from cache.blocks import find_block
from cache.errors import StoreError
from cache.verify import verify
from heads.blocks.hrnet_tail import HRNetTail
from heads.blocks.layers import generators
from heads.blocks.tail import Tail
from pipeline.running.blocks import keep_block
from pipeline.running.recipes import DatasetConfig, Recipe, recipes
from pipeline.weights.folder import Weights

NAME = "layer4"


def recipe(model: str) -> Recipe:
    table = {"stage": "backbone", "model": model, "size": [64, 64], "cut": "layer3"}
    return _recipe(table)


def _recipe(table: dict[str, Any]) -> Recipe:
    config = DatasetConfig(dataset="demo", stages={"image": table})
    (found,) = recipes(config, [], Weights(Path("none"), untrained=True))
    return found


@pytest.mark.parametrize(("model", "network"), [("resnet18", ""), ("resnet34", "resnet34")])
def test_a_tail_of_the_kept_block_gives_the_stage_s_own_pooled_vector(tmp_path: Path, model: str, network: str) -> None:
    made = recipe(model)
    keep_block(made, tmp_path)
    made.stage.load("cpu", made.weights)
    draw = np.random.default_rng(0)
    found = made.stage.run([draw.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(3)])
    assert {name: array.shape for name, array in found.arrays.items()} == {"pooled": (3, 512), "layer3": (3, 256, 4, 4)}
    assert {name: spec.shape for name, spec in made.stage.outputs.items()} == {"pooled": (512,), "layer3": (256, 4, 4)}
    tail = Tail(256, generators((0,)), network=network)
    tail.fill(load(find_block(tmp_path, NAME)))
    with torch.no_grad():
        pooled = tail.train()(torch.from_numpy(found.arrays["layer3"])[None]).mean((3, 4))[0]
    torch.testing.assert_close(pooled, torch.from_numpy(found.arrays["pooled"]), rtol=1e-5, atol=1e-5)


def test_a_tail_of_an_hrnet_s_last_stage_gives_the_stage_s_own_pooled_vector(tmp_path: Path) -> None:
    """And that is the mean of each map that the stage gives where it is not cut."""
    table = {"stage": "hrnet_maps", "model": "hrnet_w18_small", "size": [64, 96]}
    made, whole = _recipe({**table, "cut": "stage3"}), _recipe(table)
    keep_block(made, tmp_path)
    draw = np.random.default_rng(0)
    photos = [draw.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(3)]
    found, last = [one.stage.run(photos) for one in (made, whole) if not one.stage.load("cpu", one.weights)]
    assert {name: x.shape[1:] for name, x in found.arrays.items()} == {"pooled": (240,), "stage3": (448, 4, 6)}
    assert {name: spec.shape for name, spec in made.stage.outputs.items()} == {"pooled": (240,), "stage3": (448, 4, 6)}
    means = np.concatenate([x.mean((2, 3)) for x in last.arrays.values()], 1)
    np.testing.assert_allclose(found.arrays["pooled"], means, rtol=1e-5, atol=1e-5)
    tail = HRNetTail(448, generators((0,)))
    tail.fill(load(find_block(tmp_path, "stage4")))
    with torch.no_grad():
        pooled = tail.train()(torch.from_numpy(found.arrays["stage3"])[None]).mean((3, 4))[0]
    torch.testing.assert_close(pooled, torch.from_numpy(found.arrays["pooled"]), rtol=1e-5, atol=1e-5)


def test_extraction_keeps_the_block_once_and_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def weights(_: Weights) -> bytes:
        made.append(1)
        return b"weights"

    monkeypatch.setattr(Colour, "block", (NAME, weights), raising=False)
    root, store = tmp_path / "data", tmp_path / "store"
    make_root(root, 4)
    run(root, store)
    run(root, store)
    (file,) = store.rglob("*.safetensors")
    assert (find_block(file.parent, NAME), len(made)) == (b"weights", 1)
    file.write_bytes(b"weightz")
    (finding,) = verify(store, "demo")
    assert (finding.path, finding.problem) == (file, "is not what its name promises")
    with pytest.raises(StoreError, match=r"make extract writes it again"):
        find_block(file.parent, NAME)
    run(root, store, mend=True)
    assert (find_block(file.parent, NAME), len(made), list(verify(store, "demo"))) == (b"weights", 2, [])
