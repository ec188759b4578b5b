"""One look at the photograph for all its people, beside a crop of each: the same network, one run.

One look: the four maps of HRNet-W18-small of the photograph at 256 x 256, and ``amalgamated`` on them, which finds the
people and reads their emotions out of the emotion maps. Top-down: the pooled vector of the same network of each
person's crop, all crops of a photograph in one batch, and a linear layer; whoever found the people is not counted.
Crops are as large as the photograph, and half its side. All begin with the decoded photograph. Weights are random,
photographs noise: neither changes the time.
Writes bench/crowds.json.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from cache import plugins
from cache.config import build
from heads.blocks.layers import Linear, generators
from heads.head import PEOPLE_FLAGS, Head
from pipeline.running.recipes import stage_of
from pipeline.stage import Photo, Stage
from pipeline.weights.folder import Weights
from scripts.bench.extract import CORES
from scripts.bench.heads_runs import alternately, verdict
from scripts.bench.results import machine, record

PEOPLE = (1, 2, 4, 8, 16)
TURNS = 3
SIZE, SIDE, CLASSES = (640, 480), 256, 26
CROPS = {"whole": SIDE, "half": SIDE // 2}
"""Sides of crops."""
NETWORK = "hrnet_w18_small"


def loaded(table: dict[str, Any], side: int) -> Stage[Any]:
    """The stage on inputs of that side, its network with random weights."""
    stage = stage_of("maps", {**table, "size": [side, side]}).stage
    stage.load("cpu", Weights(Path(), untrained=True))
    return stage


def head_of(stage: Stage[Any]) -> Head:
    """With a model of one seed, as published but for the width of its maps."""
    shapes = {f"maps/{name}": spec.shape for name, spec in stage.outputs.items()}
    model: type[Head] = plugins.load("heads.models", "amalgamated", "Model")
    config = build(model.Config, {"trunk": "maps"}, "bench")
    return model(config, shapes, {PEOPLE_FLAGS: CLASSES}, (0,)).eval()


def photograph(people: int) -> Photo:
    """Noise with as many boxes."""
    draw = np.random.default_rng(people)
    image = Image.fromarray(draw.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8))
    low, extent = draw.uniform(0, 300, (people, 2)), draw.uniform(60, 170, (people, 2))
    return Photo("photo", image, np.concatenate([low, low + extent], 1).astype(np.float32))


@torch.no_grad()
def one_look(stage: Stage[Any], head: Head, photo: Photo) -> None:
    """Boxes and emotions of everybody."""
    arrays = stage.extract(stage.prepare(photo)).arrays
    found = head({f"maps/{name}": torch.from_numpy(x.astype(np.float32))[None] for name, x in arrays.items()}).found
    assert found is not None
    assert found.isfinite().all()


@torch.no_grad()
def top_down(stage: Stage[Any], layer: Linear, photo: Photo) -> None:
    """Emotions of everybody whose box is known."""
    pooled = stage.extract(stage.prepare(photo)).arrays["pooled"]
    assert layer(torch.from_numpy(pooled.astype(np.float32))[None]).shape[1] == len(photo.boxes)


def compare(counts: tuple[int, ...] = PEOPLE, turns: int = TURNS) -> dict[str, Any]:
    """Images a second and ratio by number of people."""
    torch.set_num_threads(CORES)
    maps = loaded({"stage": "hrnet_maps", "model": NETWORK}, SIDE)
    body = {"stage": "backbone", "model": f"timm/{NETWORK}.ms_in1k", "input": "body", "batch_size": max(counts)}
    crops = {name: loaded(body, side) for name, side in CROPS.items()}
    head, layer = head_of(maps), Linear(crops["whole"].outputs["pooled"].shape[0], CLASSES, generators((0,)))
    found = {}
    for people in counts:
        photo = photograph(people)
        runs: dict[str, Callable[[], None]] = {"one_look": partial(one_look, maps, head, photo)}
        runs |= {name: partial(top_down, stage, layer, photo) for name, stage in crops.items()}
        seconds = alternately(runs, turns)
        look = seconds.pop("one_look")
        found[str(people)] = {"one_look_images_per_second": round(1 / min(look), 2)} | {
            f"over_crops_of_{CROPS[name]}": {"images_per_second": round(1 / min(each), 2)} | _ratio(each, look)
            for name, each in seconds.items()
        }
    return {"network": NETWORK, "photograph": SIDE, "turns": turns, "by_people": found}


def _ratio(slow: list[float], fast: list[float]) -> dict[str, Any]:
    """Without a goal: where the two meet is what is measured."""
    told = verdict(slow, fast, 1.0)
    return {name: told[name] for name in ("ratio", "of_quickest_rounds", "spread")}


def main() -> None:
    """All numbers of people."""
    record("crowds", compare() | {"cores": CORES} | machine())


if __name__ == "__main__":
    main()
