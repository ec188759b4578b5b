"""sem2vec beside mmsegmentation's ``init_model`` and ``inference_model``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.decoding.images import letterbox
from pipeline.networks import openmmlab
from pipeline.stages.sem2vec import CLASSES, PADDING, STRIDE
from pipeline.weights.catalogue import find
from scripts.bench.references.case import Arrays, Limit, Made, Photograph, Reference, drawn, quiet

LIMITS = {
    "label_map, equal pixels": Limit(0.002, "share of places", "classes that tie to within the rounding of float32"),
    "area, equal pixels": Limit(0.002, "share of the image", "as above, and float16"),
    "label_map, from the file": Limit(
        0.15,
        "share of places",
        "mmcv shrinks by OpenCV's bilinear, which skips pixels; ours averages them (Pillow); a random network "
        "makes much of that",
    ),
}


def sem2vec(folder: Path, model: str = "fcn_hr48", side: int = 512, timed: int = 4) -> Reference:
    """Labels of ``model`` at ``side`` x ``side``; its checkpoint is written into ``folder``."""
    config = openmmlab.published("mmseg", openmmlab.SEGMENTORS[model])
    with quiet():
        from mmseg.apis import inference_model, init_model

    path = folder / find(model).file
    state = drawn(init_model(config.copy(), device="cpu"), model)
    torch.save({"state_dict": state, "meta": {"CLASSES": openmmlab.ade20k_classes(), "PALETTE": []}}, path)
    published = init_model(config.copy(), str(path), device="cpu")
    network = init_model(config.copy(), str(path), device="cpu")
    network.cfg.test_pipeline[1] = {"type": "Resize", "scale": (side, side), "keep_ratio": True}
    network.data_preprocessor.test_cfg = {"size": (side, side)}

    def seen(source: Any) -> np.ndarray[Any, Any]:
        return np.asarray(inference_model(network, source).pred_sem_seg.data[0])

    def gaps(ours: Arrays, theirs: Any, photo: Photograph) -> dict[str, float]:
        pixels, (height, width) = letterbox(photo.image, (side, side))
        same = seen(np.ascontiguousarray(pixels[:height, :width, ::-1]))
        network.cfg.test_pipeline[0]["type"] = "LoadImageFromFile"
        area = np.bincount(same.ravel(), minlength=CLASSES) / same.size
        small, there = ours["label_map"][0], ours["label_map"][0] != PADDING
        rows, columns = (np.flatnonzero(there.any(axis)) for axis in (1, 0))
        at = np.ix_(rows * STRIDE + STRIDE // 2, columns * STRIDE + STRIDE // 2)
        scaled = (np.minimum((at[0] * photo.image.height) // height, photo.image.height - 1),
                  np.minimum((at[1] * photo.image.width) // width, photo.image.width - 1))  # fmt: skip
        kept = small[np.ix_(rows, columns)]
        return {
            "label_map, equal pixels": float((kept != same[at]).mean()),
            "area, equal pixels": float(np.abs(ours["area"][0] - area).max()),
            "label_map, from the file": float((kept != theirs[scaled]).mean()),
        }

    return Reference(
        rival="mmsegmentation: init_model, inference_model",
        table={"stage": "sem2vec", "model": model, "size": (side, side)},
        weights=Made(folder),
        theirs=lambda photo: seen(str(photo.path)),
        gaps=gaps,
        limits=LIMITS,
        deviations=(
            f"the published pipeline makes the short side {side} and pads nothing; ours makes the long side {side} and "
            "pads, as in training, so that all images share a batch: the rival was set to that",
        ),
        published=lambda photo: inference_model(published, str(photo.path)),
        timed=timed,
    )
