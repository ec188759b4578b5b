"""One-shot episodes: which samples are the support, and how often they give the right class to the others."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from heads.protocols._one_shot.recognition import Rule, scorers

_ROWS, _SCORES = 4096, 4096 * 1200
"""Queries compared in one go, and how many scores they may make together: bounds the memory."""


class Episodes(Rule):
    """shots: support samples of each class. episodes, validation_episodes: support draws over all queries."""

    shots: int = Field(1, ge=1, le=1000)
    episodes: int = Field(200, ge=1, le=100_000)
    validation_episodes: int = Field(50, ge=1, le=100_000)


class Counts(NamedTuple):
    """correct: (S, E, C) queries of each class that were recognised. total: (C,) queries of each class."""

    correct: NDArray[np.int64]
    total: NDArray[np.int64]


def draw_support(
    population: int,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: int,
    shots: int,
    episodes: int,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Positions of the support samples: (episodes, classes, shots).

    population: how many rows the manifest has. rows: (n,) of them. labels: (n,) 0..classes - 1. Each episode ranks the
    whole population by chance and takes the first of each class, so heads that lack a few rows share nearly all draws.
    """
    draw = np.random.default_rng([seed, episodes])
    rank = np.stack([draw.random(population)[rows] for _ in range(episodes)])
    support = np.empty((episodes, classes, shots), dtype=np.int64)
    for label in range(classes):
        members = np.flatnonzero(labels == label)
        support[:, label] = members[np.argsort(rank[:, members], axis=1)[:, :shots]]
    return support


def recognise(embedding: Tensor, labels: Tensor, support: NDArray[np.int64], rule: Rule) -> Counts:
    """Give every query a class by the rule on its episode's support, and count.

    embedding: (S, n, e). labels: (n,) 0..C - 1. support: (E, C, k) positions. Embeddings are brought to length 1. All
    samples but an episode's support are its queries. Source: Affect-DML, eq. 8-10, for the rule that is its default.
    """
    _, classes, shots = support.shape
    places = torch.as_tensor(support, device=labels.device)
    normalised = F.normalize(embedding, dim=2)
    members = F.one_hot(labels, classes)
    correct = torch.stack([_recognised(vectors, labels, members, places, rule) for vectors in normalised])
    total = members.sum(0) - shots
    return Counts(correct.cpu().numpy(), total.cpu().numpy())


def _recognised(vectors: Tensor, labels: Tensor, members: Tensor, places: Tensor, rule: Rule) -> Tensor:
    """(E, C) counts for one seed. vectors: (n, e)."""
    known = scorers(vectors[places], rule)
    hits = torch.empty(len(vectors), len(places), dtype=vectors.dtype, device=vectors.device)
    rows = max(1, min(_ROWS, _SCORES // places[0].numel() // len(places)))
    for start in range(0, len(vectors), rows):
        part = slice(start, start + rows)
        hits[part] = (known.name(vectors[part]) == labels[part, None]).to(hits.dtype)
    hits.scatter_(0, places.flatten(1).T, 0)
    return (hits.T @ members.to(hits.dtype)).round().long()
