"""A head of photographs with all their people as if it were trained: random weights on the maps of the demo's network,
which is."""

from pathlib import Path
from typing import Any

import torch

from heads.checkpoints import checkpoint
from heads.head import BOXES, PEOPLE_CLASS, PEOPLE_FLAGS
from heads.models.amalgamated import Model
from heads.protocols import boxes
from pipeline.running.recipes import dataset_config, recipes
from pipeline.weights.folder import Weights

CONFIG = """
dataset = "demo"
[stages.maps]
stage = "hrnet_maps"
model = "demo_hr8"
size = [64, 96]
branches = ["c8"]
[stages.noise]
stage = "backbone"
untrained = true
"""
SHAPE = (16, 8, 12)
"""Of a row of maps/c8."""
NAMES = ("Anger", "Fear", "Peace")
SMALL = {"trunk": "maps", "strides": ("c8",), "width": 8, "blocks": 1, "neck_blocks": 1, "common": 8}


def words(folder: Path, one_class: bool = False, least: float = 0.02, **settings: Any) -> list[str]:
    """For ``scripts.predict``; the last one is where it writes. least: of the score from which on somebody is found."""
    (path := folder / "maps.toml").write_text(CONFIG)
    config = dataset_config("demo", path)
    (recipe,) = recipes(config, ["maps"], Weights(folder))
    kind = PEOPLE_CLASS if one_class else PEOPLE_FLAGS
    asked = Model.Config(**{**SMALL, "detections": 3, **settings})
    widths = dict.fromkeys(Model.inputs_of(asked), SHAPE)
    sizes, seeds = {BOXES: 2, kind: len(NAMES)}, [0, 1]
    head = Model(asked, widths, sizes, seeds)
    with torch.no_grad():
        for parameter in head.networks.emotion.parameters():
            parameter.mul_(3)
    about = {
        "head": "amalgamated",
        "settings": {**asked.model_dump(), **judging(least)},
        "widths": {},
        "shapes": {name: list(shape) for name, shape in widths.items()},
        "sizes": sizes,
        "seeds": seeds,
        "dataset": "demo",
        "release": "r",
        "source": "s",
        "kind": "boxes",
        "protocol": "boxes",
        "untrained": [],
        "task": {"classes": list(NAMES), "labels": kind},
        "features": {"maps": recipe.fingerprint, **{name.partition("/")[0]: "gone" for name in asked.teachers}},
    }
    checkpoint.save(folder / "runs" / "demo" / "amalgamated.safetensors", head, {}, {}, about)
    places = ["--store", str(folder / "store"), "--runs", str(folder / "runs"), "--root", str(folder / "root")]
    more = ["--name", "demo", "--config", str(path), "--out", str(folder / "out")]
    return ["--head", "amalgamated", *places, *more]


def judging(least: float) -> dict[str, Any]:
    """The protocol's settings."""
    return {**boxes.Judging().model_dump(), "least_score": least}
