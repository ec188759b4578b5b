"""Samples on a device, and what a head makes of them."""

import math
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heads.head import ROW, Head, Output
from heads.inputs.ahead import ahead
from heads.inputs.stored import Stored

_ROWS = 2048
"""Samples looked at in one go: bounds the memory of the copies that the seeds' layers make."""

_NUMBERS = 2**24
"""Of rows that are read from the store for one look."""


Batch = tuple[dict[str, Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Samples:
    """features: input name -> (n, d), and ROW -> (n, 1). targets: kind -> (n, ...); those that are only looked at have
    none. stored: more inputs, whose rows stay in the store."""

    features: Mapping[str, Tensor]
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    stored: Mapping[str, Stored] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        features: Mapping[str, Tensor],
        rows: NDArray[np.int64],
        targets: Mapping[str, NDArray[np.generic]],
        on: torch.device,
        stored: Mapping[str, Stored] | None = None,
    ) -> "Samples":
        """features: (n, d) each, already on the device. rows: (n,) manifest rows. targets: (n, ...) each."""
        told = {kind: torch.as_tensor(values, device=on) for kind, values in targets.items()}
        return cls({**features, ROW: torch.as_tensor(rows, device=on)[:, None]}, told, stored or {})

    def __len__(self) -> int:
        return len(self.features[ROW])

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.features[ROW].device

    def batches(self, order: Tensor) -> Generator[Batch, None, None]:
        """``batch`` of each of ``order``, (steps, S, B). Where rows stay in the store, the next batch is read while one
        is used; close it where it is left before its end. Raises: ShardError for rows that cannot be read."""
        if self.stored:
            yield from ahead(self.batch, order)
        else:
            yield from map(self.batch, order)

    def batch(self, places: Tensor) -> Batch:
        """places: (S, B). Returns the features (S, B, ...) by name and the targets (S, B, ...) by kind."""
        flat = places.flatten()
        every: dict[str, Tensor | Stored] = {**self.features, **self.stored}
        features = {name: x.index_select(0, flat).view(*places.shape, *x.shape[1:]) for name, x in every.items()}
        targets = {name: x.index_select(0, flat).view(*places.shape, *x.shape[1:]) for name, x in self.targets.items()}
        return features, targets

    def looks(self) -> Generator[dict[str, Tensor], None, None]:
        """All samples in order, some at a time: the features (m, ...) by name. Read ahead, and closed, as
        ``batches``."""
        numbers = sum(math.prod(x.shape[1:]) for x in self.stored.values())
        step = min(_ROWS, max(1, _NUMBERS // numbers)) if numbers else _ROWS
        looked = (range(start, min(start + step, len(self))) for start in range(0, len(self), step))
        if self.stored:
            yield from ahead(self._look, looked)
        else:
            yield from map(self._look, looked)

    def _look(self, places: range) -> dict[str, Tensor]:
        read = {name: x.index_select(0, torch.tensor(places)) for name, x in self.stored.items()}
        return {name: x[places.start : places.stop] for name, x in self.features.items()} | read


@torch.no_grad()
def outputs(head: Head, samples: Samples, seeds: int, fields: Iterable[str]) -> Output:
    """What each of the ``seeds`` models makes of all samples, (S, n, ...): ``fields`` of Output, the others None. Puts
    the head into evaluation mode. Raises: PluginFault when the head gives other shapes."""
    head.eval()
    found: dict[str, list[Tensor]] = {name: [] for name in fields}
    with closing(samples.looks()) as looks:
        for shared in looks:
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
