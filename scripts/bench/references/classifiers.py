"""backbone and hrnet_maps beside the transforms and networks of torchvision and timm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

from pipeline.weights.catalogue import find
from scripts.bench.references.case import FLOAT16, Arrays, Limit, Made, Photograph, Reference, drawn, relative

TIMM: Any = timm
"""Most of it is not typed."""
WHOLE = "the published transform cuts the middle out; ours stretches the whole image: the rival was set to that"
POOLED = {"pooled": Limit(2e-3, "of the greatest", FLOAT16)}


def pooled(ours: Arrays, theirs: Any, _: Photograph) -> dict[str, float]:
    """The gap of vectors."""
    return {"pooled": relative(ours["pooled"], theirs)}


def _looking(network: Any, transform: Callable[[Image.Image], Any]) -> Callable[[Photograph], Any]:
    """One photograph at a time, as a user of the package runs it."""

    def theirs(photo: Photograph) -> Any:
        batch = transform(Image.open(photo.path).convert("RGB"))[None]
        with torch.no_grad():
            return network(batch)

    return theirs


def of_torchvision(folder: Path, model: str = "resnet18", timed: int = 64) -> Reference:
    """The network's own preset on the whole image."""
    path = folder / find(model).file
    torch.save(drawn(torchvision.models.get_model(model), model), path)
    network = torchvision.models.get_model(model)
    network.load_state_dict(torch.load(path))
    network.fc = torch.nn.Identity()
    network.eval()
    transform = torchvision.models.get_model_weights(model)["IMAGENET1K_V1"].transforms()
    transform.resize_size = transform.crop_size * 2

    return Reference(
        rival=f"torchvision: {model}, the transforms of its weights",
        table={"stage": "backbone", "model": model},
        weights=Made(folder),
        theirs=_looking(network, transform),
        gaps=pooled,
        limits=POOLED,
        deviations=(WHOLE,),
        timed=timed,
    )


def of_timm(folder: Path, model: str, side: int = 224, timed: int = 16) -> Reference:
    """create_transform on the whole image, the network as timm loads a checkpoint's file."""
    path = folder / find(f"timm/{model}").file
    save_file(drawn(TIMM.create_model(model), model), path)
    config: dict[str, Any] = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(path)}}
    size = {"img_size": side} if "vit" in model else {}
    network = TIMM.create_model(model, num_classes=0, **config, **size).eval()
    chosen = TIMM.data.resolve_data_config({}, model=network) | {"crop_pct": 1.0, "crop_mode": "squash"}
    transform = TIMM.data.create_transform(**chosen | {"input_size": (3, side, side)})

    return Reference(
        rival=f"timm: create_model({model!r}), create_transform",
        table={"stage": "backbone", "model": f"timm/{model}", "size": (side, side)},
        weights=Made(folder),
        theirs=_looking(network, transform),
        gaps=pooled,
        limits=POOLED,
        deviations=(WHOLE,),
        timed=timed,
    )


def hrnet_maps(folder: Path, model: str = "hrnet_w32", side: int = 512, timed: int = 12) -> Reference:
    """Feature maps of timm's ``features_only``."""
    name = f"{model}.ms_in1k"
    path = folder / find(f"timm/{name}").file
    save_file(drawn(TIMM.create_model(name), name, 0.8), path)
    overlay = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(path)}}
    indices = {"feature_location": "", "out_indices": (1, 2, 3, 4)}
    network = TIMM.create_model(name, features_only=True, **indices, **overlay).eval()
    chosen = TIMM.data.resolve_data_config({}, model=network) | {"crop_pct": 1.0, "crop_mode": "squash"}
    transform = TIMM.data.create_transform(**chosen | {"input_size": (3, side, side)})

    def gaps(ours: Arrays, theirs: Any, _: Photograph) -> dict[str, float]:
        names = ("c4", "c8", "c16", "c32")
        return {"maps": max(relative(ours[name], np.asarray(one)) for name, one in zip(names, theirs, strict=True))}

    return Reference(
        rival=f"timm: create_model({name!r}, features_only=True), create_transform",
        table={"stage": "hrnet_maps", "model": model, "size": (side, side)},
        weights=Made(folder),
        theirs=_looking(network, transform),
        gaps=gaps,
        limits={"maps": Limit(2e-3, "of the greatest", FLOAT16)},
        deviations=(WHOLE,),
        timed=timed,
    )
