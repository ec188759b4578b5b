"""What a reference is: another project's way from a photograph's file to numbers, and how near ours must come."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from cache.plugins import load
from cache.spec import Status
from pipeline.stage import Photo, Stage
from pipeline.weights.catalogue import find
from pipeline.weights.checkpoints import initialise
from pipeline.weights.folder import Weights

Arrays = Mapping[str, NDArray[Any]]
FLOAT16 = "stored as float16, which rounds by up to 1/2048 of a value"


class Photograph(NamedTuple):
    """image: what ``path`` shows, RGB. boxes: (p, 4) float32 xyxy of its people."""

    path: Path
    image: Image.Image
    boxes: NDArray[np.float32]


class Limit(NamedTuple):
    """The greatest difference that is no fault, its unit, and where so much comes from."""

    tolerance: float
    unit: str
    why: str


class Made(Weights):
    """A folder of checkpoints made here: their hashes are not the published ones."""

    def digest(self, name: str) -> str:
        return f"made for {find(name).name}"


@dataclass(frozen=True)
class Reference:
    """rival: what is called, in words. table: of our config. weights: the checkpoint, in its published form, that both
    load. theirs: the rival on one photograph, from its file. gaps: how far our rows of a photograph are from what the
    rival gave, by the names of ``limits``. deviations: what we do otherwise on purpose, and what was therefore set in
    the rival. published: the rival with nothing set, where that is another amount of work. timed: photographs of one
    measured round.
    """

    rival: str
    table: Mapping[str, Any]
    weights: Weights
    theirs: Callable[[Photograph], Any]
    gaps: Callable[[Arrays, Any, Photograph], dict[str, float]]
    limits: Mapping[str, Limit]
    deviations: tuple[str, ...] = ()
    published: Callable[[Photograph], Any] | None = None
    timed: int = 32


def loaded(one: Reference) -> Stage[Any]:
    """Our stage, ready."""
    settings = dict(one.table)
    extractor = load("pipeline.stages", settings.pop("stage"), "Extractor")
    stage: Stage[Any] = extractor(extractor.Config(**settings))
    stage.load("cpu", one.weights)
    return stage


def compare(one: Reference, photographs: Sequence[Photograph], stage: Stage[Any] | None = None) -> dict[str, float]:
    """The greatest gap of each name over ``photographs``, each of which gives a row at least.

    Raises: ValueError when a row of ours failed for another reason than that no face is there.
    """
    stage = stage or loaded(one)
    greatest = dict.fromkeys(one.limits, 0.0)
    for photo in photographs:
        found = stage.extract(stage.prepare(Photo(photo.path.name, photo.image, photo.boxes)))
        if bad := [text for text, status in zip(found.messages, found.status, strict=True) if status == Status.FAILED]:
            raise ValueError(f"{photo.path}: {bad[0]}")
        arrays = {name: array[found.status == Status.OK] for name, array in found.arrays.items()}
        with quiet():
            gaps = one.gaps(arrays, one.theirs(photo), photo)
        greatest = {name: max(value, gaps[name]) for name, value in greatest.items()}
    return greatest


@contextmanager
def quiet() -> Iterator[None]:
    """What the other projects warn of, which concerns nobody here, held back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def drawn(network: nn.Module, seed: str, gain: float = 1.0) -> dict[str, torch.Tensor]:
    """Fill ``network`` from ``seed`` so that every number counts, those of normalisations too; its tensors by name.
    gain: of each normalisation, less where branches add up beyond float16."""
    initialise(network, seed)
    draw = torch.Generator().manual_seed(7)

    def noise(tensor: torch.Tensor) -> torch.Tensor:
        return torch.randn(tensor.shape, generator=draw) * 0.05

    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            assert module.running_mean is not None and module.running_var is not None  # noqa: PT018
            module.running_mean.add_(noise(module.running_mean))
            module.running_var.mul_(noise(module.running_var).exp())
        if isinstance(module, nn.modules.batchnorm._NormBase | nn.LayerNorm) and module.weight is not None:
            module.weight.data.mul_(noise(module.weight).exp() * gain)
            module.bias.data.add_(noise(module.bias))
    return network.state_dict()


def relative(ours: NDArray[Any], theirs: NDArray[Any] | torch.Tensor) -> float:
    """The greatest difference, over the greatest value of ``theirs``. Raises: ValueError for other shapes or zeros."""
    wanted = np.asarray(theirs, np.float64)
    if ours.shape != wanted.shape or not np.abs(wanted).max() > 0:
        raise ValueError(f"{ours.shape} of ours, {wanted.shape} of theirs, at most {np.abs(wanted).max():g}")
    return float(np.abs(ours - wanted).max() / np.abs(wanted).max())
