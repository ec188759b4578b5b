"""A trained head on disk: its weights, the scales of its inputs and everything needed to build it again."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from cache import plugins
from cache.errors import AffectError, WeightsError
from cache.files import make_folder, replace
from heads.about import checked
from heads.head import ROW, Head
from heads.prediction import Gallery
from heads.standardise import Scale
from heads.training import Recipe, recipe

_HEAD, _SCALE, _GALLERY, _ABOUT = "head.", "scale.", "gallery.", "affect-cache"


@dataclass(frozen=True)
class Checkpoint:
    """about: what ``heads.about.About`` lists. scales: by input. gallery: the support of the unseen classes."""

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

    about: what ``heads.about.About`` lists. Raises: StoreError when the folder cannot be written.
    """
    tensors = {_HEAD + name: tensor.detach().cpu().contiguous() for name, tensor in head.state_dict().items()}
    for name, scale in scales.items():
        tensors |= {f"{_SCALE}{name}.mean": scale.mean.cpu(), f"{_SCALE}{name}.std": scale.std.cpu()}
    tensors |= {_GALLERY + name: tensor.cpu().contiguous() for name, tensor in _tensors(gallery).items()}
    metadata = {_ABOUT: json.dumps(about, sort_keys=True)}
    make_folder(path.parent)
    replace(path, [to_bytes(tensors, metadata)])


def _tensors(gallery: Gallery) -> dict[str, Tensor]:
    return {"embedding": gallery.embedding, "rows": gallery.rows, "places": gallery.places}


def about(path: Path) -> dict[str, Any]:
    """What the checkpoint says of itself, as in ``About``. Raises: WeightsError as ``load``."""
    with _opened(path, "cpu") as (_, found):
        return found


def load(path: Path, device: str = "cpu") -> Checkpoint:
    """Raises: WeightsError when the file is absent, damaged or not one of ours; UnknownName when its head is gone."""
    with _opened(path, device) as (file, found):
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return _build(found, tensors, device)


@contextmanager
def _opened(path: Path, device: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The file and what it says of itself; whatever is wrong with it becomes one line."""
    try:
        with safe_open(path, framework="pt", device=device) as file:
            yield file, checked(path, json.loads((file.metadata() or {}).get(_ABOUT, "null")))
    except AffectError:
        raise
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such checkpoint. Run make train first") from None
    except (OSError, SafetensorError, LookupError, TypeError, ValueError, RuntimeError) as error:
        told = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: not a checkpoint of a head, or damaged: {told}. Train again") from None


def _build(found: dict[str, Any], tensors: dict[str, Tensor], device: str) -> Checkpoint:
    """Raises: ValueError, LookupError, RuntimeError for parts that do not fit each other."""
    model: type[Head] = plugins.load("heads.models", found["head"], "Model")
    settings = recipe(model, found["settings"], f"checkpoint of {found['head']}")
    head = model(settings, found["widths"], len(found["seen"]), found["seeds"]).to(torch.device(device))
    head.load_state_dict({name.removeprefix(_HEAD): x for name, x in tensors.items() if name.startswith(_HEAD)})
    if used := {name.partition("/")[0] for name in head.inputs} - found["features"].keys():
        raise ValueError(f"features: {', '.join(sorted(used))} of the head is not among them")
    scales = {name: _scale(tensors, name, found["widths"][name]) for name in head.standardised()}
    embedding, rows, places = (tensors[_GALLERY + name] for name in ("embedding", "rows", "places"))
    gallery = Gallery(embedding, rows, places, settings)
    _check_gallery(gallery, _width(head.eval(), found), found)
    return Checkpoint(head, settings, scales, gallery, found)


def _scale(tensors: Mapping[str, Tensor], name: str, width: int) -> Scale:
    scale = Scale(tensors[f"{_SCALE}{name}.mean"], tensors[f"{_SCALE}{name}.std"])
    if scale.mean.shape != (width,) or scale.std.shape != (width,):
        raise ValueError(f"scale of {name}: has {len(scale.mean)} and {len(scale.std)} numbers, its width is {width}")
    return scale


@torch.no_grad()
def _width(head: Head, found: Mapping[str, Any]) -> int:
    """The length of an embedding, by that of one sample of zeros."""
    seeds, device = len(found["seeds"]), next(iter(head.state_dict().values())).device
    sample = {name: torch.zeros(seeds, 1, found["widths"][name], device=device) for name in head.inputs}
    row = torch.zeros(seeds, 1, 1, dtype=torch.int64, device=device)
    return int(head({**sample, ROW: row}).embedding.shape[2])


def _check_gallery(gallery: Gallery, width: int, found: Mapping[str, Any]) -> None:
    """Raises: ValueError when its parts do not fit each other, the seeds, the classes or the head."""
    used = len(gallery.rows)
    if gallery.rows.shape != (used,) or gallery.embedding.shape != (len(found["seeds"]), used, width):
        raise ValueError(f"gallery: embedding {tuple(gallery.embedding.shape)} of {used} samples of width {width}")
    places, classes = gallery.places, len(found["unseen"])
    if places.ndim != 3 or places.shape[1] != classes or not places.numel():
        raise ValueError(f"gallery: places {tuple(places.shape)}, there are {classes} unseen classes")
    if gallery.embedding.dtype != torch.float32 or {gallery.rows.dtype, places.dtype} != {torch.int64}:
        raise ValueError("gallery: its numbers are of another kind than float32 and int64")
    if places.min() < 0 or places.max() >= used:
        raise ValueError(f"gallery: places from {places.min()} to {places.max()}, there are {used} samples")
