"""pose beside mmpose's ``init_model`` and ``inference_topdown``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.networks import openmmlab
from pipeline.weights.catalogue import find
from scripts.bench.references.case import Arrays, Limit, Made, Photograph, Reference, drawn, quiet, relative

LIMITS = {
    "keypoints": Limit(0.5, "pixels", "places are whole halves of the input's pixels: any two are equal or apart"),
    "scores": Limit(1e-3, "of the greatest", "sums of float32 in another order"),
}
LOCAL = {"model.backbone._scope_": None, "model.backbone.init_cfg": None}
"""mmdetection is not installed: mmpose's own copy of its backbone; nothing fetched."""


def pose(folder: Path, model: str = "rtmpose-m", timed: int = 24) -> Reference:
    """Key points of ``model``, whose checkpoint is written into ``folder``."""
    config = openmmlab.published("mmpose", openmmlab.POSES[model].file)
    with quiet():
        from mmpose.apis import inference_topdown, init_model

    path = folder / find(model).file
    made = init_model(config.copy(), device="cpu", cfg_options=LOCAL)
    torch.save({"state_dict": drawn(made, model), "meta": {}}, path)
    published = init_model(config.copy(), str(path), "cpu", LOCAL)
    network = init_model(config.copy(), str(path), "cpu", LOCAL | {"model.test_cfg.flip_test": False})

    def gaps(ours: Arrays, theirs: Any, photo: Photograph) -> dict[str, float]:
        points = np.concatenate([one.pred_instances.keypoints for one in theirs])
        scores = np.concatenate([one.pred_instances.keypoint_scores for one in theirs])
        known = scores > 0  # of the others mmpose keeps no place
        if known.mean() < 0.9:
            raise ValueError(f"{photo.path}: of {known.size} key points mmpose gives only {known.sum()} a place")
        apart = np.abs(ours["keypoints"][..., :2] - points).max(-1)[known]
        return {
            "keypoints": float(apart.max(initial=0)),
            "scores": relative(ours["keypoints"][..., 2], scores),
        }

    return Reference(
        rival="mmpose: init_model, inference_topdown on the same boxes",
        table={"stage": "pose", "model": model},
        weights=Made(folder),
        theirs=lambda photo: inference_topdown(network, str(photo.path), photo.boxes),
        gaps=gaps,
        limits=LIMITS,
        deviations=(
            "the published config runs each person a second time, mirrored (flip_test); ours does not: the rival was "
            "set to that",
            "where a score is not positive mmpose gives no place; ours keeps it: such points are not compared",
        ),
        published=lambda photo: inference_topdown(published, str(photo.path), photo.boxes),
        timed=timed,
    )
