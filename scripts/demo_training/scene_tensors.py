"""Drawn scenes as arrays of one size, and what every training of the demo shares."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save

from pipeline.decoding.images import letterbox
from pipeline.demo.scenes.render import Scene
from pipeline.demo.scenes.write import padded_jpeg

MEAN: Final = (123.675, 116.28, 103.53)
STD: Final = (58.395, 57.12, 57.375)


def normalised(images: NDArray[np.uint8]) -> torch.Tensor:
    """(n, h, w, 3) uint8 RGB as (n, 3, h, w) float32, ImageNet-normalised, channels last in memory."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)


def photograph(scene: Scene) -> Image.Image:
    """The scene's image as the demo stores it: written as a JPEG and read back."""
    return Image.open(io.BytesIO(padded_jpeg(scene.image))).convert("RGB")


def letterboxed(scene: Scene, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Image (height, width, 3) as the stages see it, and labels (height, width), 255 beside the image."""
    image, (rows, columns) = letterbox(photograph(scene), (height, width))
    labels = np.full((height, width), 255, np.uint8)
    content = Image.fromarray(scene.label_map).resize((columns, rows), Image.Resampling.NEAREST)
    labels[:rows, :columns] = np.asarray(content)
    return image, labels


def letterboxed_all(scenes: Iterable[Scene], height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Stacked `letterboxed`: (n, height, width, 3) and (n, height, width)."""
    pairs = [letterboxed(scene, height, width) for scene in scenes]
    return np.stack([image for image, _ in pairs]), np.stack([labels for _, labels in pairs])


def write_weights(path: Path, state: Mapping[str, torch.Tensor], facts: dict[str, Any]) -> None:
    """The tensors as safetensors at `path`, and beside it a .json with the facts, their count and their sha256."""
    tensors = {name: value.detach().contiguous().clone() for name, value in sorted(state.items())}
    data = save(tensors)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    parameters = sum(value.numel() for value in tensors.values() if value.is_floating_point())
    told = {**facts, "values": parameters, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(told, indent=2) + "\n")
