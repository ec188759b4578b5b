"""depth beside transformers' image processor and model, from a folder as on the hub."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from pipeline.stages.depth import MAP, PATCH, build
from pipeline.weights.catalogue import find
from scripts.bench.references.case import Arrays, Limit, Made, Photograph, Reference, drawn, relative

LIMITS = {
    "map": Limit(
        0.02,
        "of the greatest",
        "the processor enlarges by torch's bicubic, in whole grey levels as Pillow's, which may be one apart; float16",
    )
}


def depth(folder: Path, side: int = 518, timed: int = 12) -> Reference:
    """Maps at ``side``; model, settings of the processor and our copy of the weights are written into ``folder``."""
    transformers: Any = import_module("transformers")  # most of it is not typed
    transformers.utils.logging.disable_progress_bar()
    made = build()
    drawn(made, "depth")
    made.head.conv3.weight.data.abs_()
    hub = folder / "hub"
    made.save_pretrained(hub)
    size = {"height": side, "width": side}
    kept: dict[str, Any] = {
        "keep_aspect_ratio": True,
        "ensure_multiple_of": PATCH,
        "resample": Image.Resampling.BICUBIC,
    }
    colours: dict[str, Any] = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    transformers.DPTImageProcessor(size=size, **kept, **colours).save_pretrained(hub)
    shutil.copy(hub / "model.safetensors", folder / find("depth_anything_v2_small").file)
    prepare = transformers.AutoImageProcessor.from_pretrained(hub, local_files_only=True)
    network = transformers.AutoModelForDepthEstimation.from_pretrained(hub, local_files_only=True).eval()

    def theirs(photo: Photograph) -> Any:
        batch = prepare(images=Image.open(photo.path).convert("RGB"), return_tensors="pt")
        with torch.no_grad():
            return network(**batch).predicted_depth

    def gaps(ours: Arrays, theirs: Any, _: Photograph) -> dict[str, float]:
        return {"map": relative(ours["map"], np.asarray(F.adaptive_avg_pool2d(theirs, MAP)))}

    return Reference(
        rival="transformers: AutoImageProcessor, AutoModelForDepthEstimation; their map averaged to ours",
        table={"stage": "depth", "size": side},
        weights=Made(folder),
        theirs=theirs,
        gaps=gaps,
        limits=LIMITS,
        timed=timed,
    )
