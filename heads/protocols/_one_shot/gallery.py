"""The support as a checkpoint keeps it, so that a prediction needs neither the store nor the dataset."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from heads.protocols._one_shot.recognition import Rule, scorers

Memory = Mapping[str, Tensor]
"""embedding: (S, u, e) of the u samples that are support in any episode, of length 1. rows: (u,) their manifest rows.
places: (E, C, k) which of the u samples support which class in each episode."""

_ROWS = 4096


def remember(embedding: Tensor, support: NDArray[np.int64], rows: NDArray[np.int64]) -> dict[str, Tensor]:
    """embedding: (S, n, e). support: (E, C, k) positions among the n. rows: (n,) of the manifest."""
    used, places = torch.unique(torch.as_tensor(support, device=embedding.device), return_inverse=True)
    known = torch.as_tensor(rows, device=embedding.device)
    return {"embedding": F.normalize(embedding[:, used], dim=2), "rows": known[used], "places": places}


def check(memory: Memory, classes: int, seeds: int, width: int) -> None:
    """width: of an embedding. Raises: LookupError, ValueError when the parts do not fit each other, the seeds, the
    classes or the head."""
    embedding, rows, places = (memory[name] for name in ("embedding", "rows", "places"))
    used = len(rows)
    if rows.shape != (used,) or embedding.shape != (seeds, used, width):
        raise ValueError(f"gallery: embedding {tuple(embedding.shape)} of {used} samples of width {width}")
    if places.ndim != 3 or places.shape[1] != classes or not places.numel():
        raise ValueError(f"gallery: places {tuple(places.shape)}, there are {classes} unseen classes")
    if embedding.dtype != torch.float32 or {rows.dtype, places.dtype} != {torch.int64}:
        raise ValueError("gallery: its numbers are of another kind than float32 and int64")
    if places.min() < 0 or places.max() >= used:
        raise ValueError(f"gallery: places from {places.min()} to {places.max()}, there are {used} samples")


@torch.no_grad()
def shares(embedding: Tensor, memory: Memory, rule: Rule, rows: Tensor | None = None) -> Tensor:
    """(n, C): the share of all seeds and episodes whose support names each class. embedding: (S, n, e) of the people.
    rows: (n,) their manifest rows, if they may be in the gallery: the episodes that a person supports do not count for
    him."""
    known = {name: tensor.to(embedding.device) for name, tensor in memory.items()}
    if torch.compiler.is_exporting():  # a graph for any number of people has no loop over parts of them
        return _part(embedding, known, rule, rows)
    starts = range(0, embedding.shape[1], _ROWS)
    parts = [
        _part(embedding[:, start : start + _ROWS], known, rule, None if rows is None else rows[start : start + _ROWS])
        for start in starts
    ]
    return torch.cat(parts) if parts else embedding.new_zeros(0, known["places"].shape[1])


@torch.no_grad()
def nearest(embedding: Tensor, memory: Memory, rows: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """(n, k) manifest rows of the nearest of the u samples, and (n, k) their cosines, the mean over seeds; k is
    ``most`` or u - 1, whichever is less. embedding: (S, n, e) of the people. rows: (n,) theirs; nobody is near to
    himself."""
    known = {name: tensor.to(embedding.device) for name, tensor in memory.items()}
    pairs = zip(F.normalize(embedding, dim=2), known["embedding"], strict=True)
    cosines = torch.stack([one @ other.T for one, other in pairs]).mean(0)
    cosines[rows[:, None] == known["rows"][None]] = -torch.inf
    likeness, places = cosines.topk(min(most, len(known["rows"]) - 1), dim=1)
    return known["rows"][places], likeness


def _part(embedding: Tensor, memory: Memory, rule: Rule, rows: Tensor | None) -> Tensor:
    size, places = embedding.shape[1], memory["places"]
    counted = torch.ones(size, len(places), device=places.device)
    if rows is not None:
        own = rows[:, None] == memory["rows"][places.flatten(1)].flatten()[None]
        counted -= own.view(size, len(places), -1).any(2).to(counted.dtype)
    votes = torch.zeros(size, places.shape[1], device=places.device)
    for vectors, support in zip(F.normalize(embedding, dim=2), memory["embedding"], strict=True):
        votes += _votes(vectors, support[places], rule, counted)
    return votes / votes.sum(1, keepdim=True).clamp_min(1)


def _votes(vectors: Tensor, support: Tensor, rule: Rule, counted: Tensor) -> Tensor:
    """(n, C) episodes that name each class, of one seed. support: (E, C, k, e)."""
    named = F.one_hot(scorers(support, rule).name(vectors), support.shape[1])
    return (named * counted[:, :, None]).sum(1)
