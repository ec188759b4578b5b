"""Samples on a device, and what a head makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heads.episodes import Counts, recognise
from heads.head import ROW, Head
from heads.rules import NEAREST, Rule

_ROWS = 2048
"""Samples embedded in one go: bounds the memory of the copies that the seeds' layers make."""


@dataclass(frozen=True)
class Samples:
    """features: input name -> (n, d), and ROW -> (n, 1). labels: (n,) int64, 0-based without gaps."""

    features: Mapping[str, Tensor]
    labels: Tensor

    @classmethod
    def of(
        cls, features: Mapping[str, Tensor], rows: NDArray[np.int64], labels: NDArray[np.int64], on: torch.device
    ) -> "Samples":
        """features: (n, d) each, already on the device. rows: (n,) manifest rows. labels: (n,)."""
        return cls({**features, ROW: torch.as_tensor(rows, device=on)[:, None]}, torch.as_tensor(labels, device=on))

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, places: Tensor) -> "Samples":
        """The samples at ``places``, (m,)."""
        return Samples({name: tensor[places] for name, tensor in self.features.items()}, self.labels[places])

    def batch(self, places: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """places: (S, B). Returns the features (S, B, d) by name and the labels (S, B)."""
        flat = places.flatten()
        features = {
            name: tensor.index_select(0, flat).view(*places.shape, tensor.shape[1])
            for name, tensor in self.features.items()
        }
        return features, self.labels.index_select(0, flat).view(places.shape)


@torch.no_grad()
def embed(head: Head, samples: Samples, seeds: int) -> Tensor:
    """The embeddings of all samples by each of the ``seeds`` models, (S, n, e). Puts the head into evaluation mode."""
    head.eval()
    parts = []
    for start in range(0, len(samples), _ROWS):
        shared = {name: tensor[start : start + _ROWS] for name, tensor in samples.features.items()}
        parts.append(head({name: x.expand(seeds, *x.shape) for name, x in shared.items()}).embedding)
    return torch.cat(parts, 1)


@dataclass(frozen=True)
class Trial:
    """Samples with the episodes that were drawn over them. support: (E, C, k) positions. rule: how it is used."""

    samples: Samples
    support: NDArray[np.int64]
    rule: Rule = NEAREST

    def counts(self, head: Head, seeds: int) -> Counts:
        """How often each of the models recognises each class in each episode."""
        return self.counted(embed(head, self.samples, seeds))

    def counted(self, embedding: Tensor) -> Counts:
        """The same of embeddings of its samples, (S, n, e)."""
        return recognise(embedding, self.samples.labels, self.support, self.rule)
