"""A trained head on disk: its weights, the scales of its inputs and everything needed to build it again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from cache import plugins
from cache.errors import WeightsError
from cache.files import make_folder, replace
from heads.head import Head
from heads.prediction import Gallery
from heads.standardise import Scale
from heads.training import Recipe, recipe

_HEAD, _SCALE, _GALLERY = "head.", "scale.", "gallery."


@dataclass(frozen=True)
class Checkpoint:
    """about: ``head``, ``settings``, ``widths``, ``seen``, ``unseen``, ``seeds`` and where they come from. scales: by
    input. gallery: the support of the unseen classes."""

    head: Head
    recipe: Recipe
    scales: Mapping[str, Scale]
    gallery: Gallery
    about: Mapping[str, Any]

    def scaled(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features as the head wants them. features: input name -> (n, d) as in the store."""
        return {name: self.scales[name](x) if name in self.scales else x for name, x in features.items()}


def save(path: Path, head: Head, scales: Mapping[str, Scale], gallery: Gallery, about: Mapping[str, Any]) -> None:
    """Write safetensors with ``about`` as JSON in its metadata, atomically.

    about: needs head, settings, widths, seen, unseen, seeds. Raises: StoreError when the folder cannot be written.
    """
    tensors = {_HEAD + name: tensor.detach().cpu().contiguous() for name, tensor in head.state_dict().items()}
    for name, scale in scales.items():
        tensors |= {f"{_SCALE}{name}.mean": scale.mean.cpu(), f"{_SCALE}{name}.std": scale.std.cpu()}
    tensors |= {_GALLERY + name: tensor.cpu().contiguous() for name, tensor in _tensors(gallery).items()}
    metadata = {"affect-cache": json.dumps(about, sort_keys=True)}
    make_folder(path.parent)
    replace(path, [to_bytes(tensors, metadata)])


def _tensors(gallery: Gallery) -> dict[str, Tensor]:
    return {"embedding": gallery.embedding, "rows": gallery.rows, "places": gallery.places}


def load(path: Path, device: str = "cpu") -> Checkpoint:
    """Raises: WeightsError when the file is absent, damaged or not one of ours; UnknownName when its head is gone."""
    try:
        with safe_open(path, framework="pt", device=device) as file:
            about = json.loads(file.metadata()["affect-cache"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return _build(about, tensors, device)
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such checkpoint. Run make train first") from None
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path}: not a checkpoint of a head: {' '.join(str(error).split())[:200]}") from None


def _build(about: dict[str, Any], tensors: dict[str, Tensor], device: str) -> Checkpoint:
    model: type[Head] = plugins.load("heads.models", about["head"], "Model")
    settings = recipe(model, about["settings"], f"checkpoint of {about['head']}")
    head = model(settings, about["widths"], len(about["seen"]), about["seeds"]).to(torch.device(device))
    head.load_state_dict({name.removeprefix(_HEAD): x for name, x in tensors.items() if name.startswith(_HEAD)})
    inputs = {name.removeprefix(_SCALE).rpartition(".")[0] for name in tensors if name.startswith(_SCALE)}
    scales = {name: Scale(tensors[f"{_SCALE}{name}.mean"], tensors[f"{_SCALE}{name}.std"]) for name in inputs}
    embedding, rows, places = (tensors[_GALLERY + name] for name in ("embedding", "rows", "places"))
    gallery = Gallery(embedding, rows, places, settings)
    return Checkpoint(head.eval(), settings, scales, gallery, about)
