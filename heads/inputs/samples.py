"""Samples on a device, and what a head makes of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heads.head import ROW, Head, Output

_ROWS = 2048
"""Samples looked at in one go: bounds the memory of the copies that the seeds' layers make."""


@dataclass(frozen=True)
class Samples:
    """features: input name -> (n, d), and ROW -> (n, 1). targets: kind -> (n, ...); those that are only looked at have
    none."""

    features: Mapping[str, Tensor]
    targets: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        features: Mapping[str, Tensor],
        rows: NDArray[np.int64],
        targets: Mapping[str, NDArray[np.generic]],
        on: torch.device,
    ) -> "Samples":
        """features: (n, d) each, already on the device. rows: (n,) manifest rows. targets: (n, ...) each."""
        told = {kind: torch.as_tensor(values, device=on) for kind, values in targets.items()}
        return cls({**features, ROW: torch.as_tensor(rows, device=on)[:, None]}, told)

    def __len__(self) -> int:
        return len(self.features[ROW])

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.features[ROW].device

    def batch(self, places: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """places: (S, B). Returns the features (S, B, d) by name and the targets (S, B, ...) by kind."""
        flat = places.flatten()
        features, targets = (
            {name: x.index_select(0, flat).view(*places.shape, *x.shape[1:]) for name, x in every.items()}
            for every in (self.features, self.targets)
        )
        return features, targets


@torch.no_grad()
def outputs(head: Head, samples: Samples, seeds: int, fields: Iterable[str]) -> Output:
    """What each of the ``seeds`` models makes of all samples, (S, n, ...): ``fields`` of Output, the others None. Puts
    the head into evaluation mode. Raises: PluginFault when the head gives other shapes."""
    head.eval()
    found: dict[str, list[Tensor]] = {name: [] for name in fields}
    for start in range(0, len(samples), _ROWS):
        shared = {name: tensor[start : start + _ROWS] for name, tensor in samples.features.items()}
        made = head({name: x.expand(seeds, *x.shape) for name, x in shared.items()})
        for name, parts in found.items():
            parts.append(_whole(head, name, getattr(made, name), (seeds, len(shared[ROW]))))
    return Output(**{name: torch.cat(parts, 1) for name, parts in found.items()})


def _whole(head: Head, name: str, made: Tensor | None, wanted: tuple[int, int]) -> Tensor:
    """The field ``name`` as the head made it. Raises: PluginFault where it is not (S, n, ...)."""
    if made is None or made.dim() < 3 or made.shape[:2] != wanted:
        told = "nothing" if made is None else str(tuple(made.shape))
        seeds, people = wanted
        raise head.fault(
            f"forward gives {name} as {told}, {seeds} seeds and {people} people want ({seeds}, {people}, ...)"
        )
    return made
