"""objects beside torchvision's detector as it is called: weights' transforms, then the model on one image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.models import detection
from torchvision.transforms.v2 import functional as T

from pipeline.stages import _detector
from pipeline.weights.catalogue import find
from pipeline.weights.folder import Weights
from scripts.bench.references.case import Arrays, Limit, Made, Photograph, Reference

CONTRAST = 3.0
"""Of the untrained classifier: with less all scores tie, with more they end at 1."""

LIMITS = {
    "boxes": Limit(0.5, "pixels", "sums of float32 in another order"),
    "scores": Limit(1e-3, "probability", "as above"),
    "labels": Limit(0, "objects that have another", "none"),
}


def objects(folder: Path, model: str = _detector.FIRST_NETWORK, timed: int = 4, **sides: int) -> Reference:
    """``model``, whose checkpoint is written into ``folder``; sides: min_size and max_size where not its own."""
    known, path = _detector.MODELS[model], folder / find(model).file
    size = {"min_size": known.min_size, "max_size": known.max_size} | sides
    made = _detector.build(model, Weights(folder, untrained=True), model, size["min_size"], size["max_size"])
    made.roi_heads.box_predictor.cls_score.weight.data.mul_(CONTRAST)
    torch.save(made.state_dict(), path)
    network: Any = getattr(detection, model)(
        weights=None, weights_backbone=None, box_score_thresh=0.0, box_detections_per_img=50, **size
    )
    network.load_state_dict(torch.load(path), strict=True)
    network.eval()

    def theirs(photo: Photograph) -> Any:
        pixels = T.to_dtype(T.pil_to_tensor(Image.open(photo.path).convert("RGB")), torch.float32, scale=True)
        with torch.no_grad():
            return network([pixels])[0]

    def gaps(ours: Arrays, theirs: Any, _: Photograph) -> dict[str, float]:
        apart = np.abs(ours["boxes"][0][:, None] - theirs["boxes"].numpy()[None]).max(-1)
        nearest = apart.argmin(1)  # of a random network many scores tie, and so change places
        return {
            "boxes": float(apart.min(1).max()),
            "scores": float(np.abs(ours["scores"][0] - theirs["scores"].numpy()).max()),
            "labels": float((ours["labels"][0] != theirs["labels"].numpy()[nearest]).sum()),
        }

    return Reference(
        rival=f"torchvision: {model}, the 50 likeliest however low",
        table={"stage": "objects", "model": model} | size,
        weights=Made(folder),
        theirs=theirs,
        gaps=gaps,
        limits=LIMITS,
        deviations=("ours keeps each object's feature too, which torchvision does not give: not compared",),
        timed=timed,
    )
