"""What a trained head says of one person: shares of the unseen classes by their support, and of the seen ones.

A checkpoint keeps the support samples' embeddings, so a prediction needs neither the store nor the dataset.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from heads.evaluation import Trial, embed
from heads.head import Head
from heads.rules import NEAREST, Rule, scorers

_ROWS = 4096


@dataclass(frozen=True)
class Gallery:
    """embedding: (S, u, e) of the u samples that are support in any episode, of length 1. rows: (u,) their manifest
    rows. places: (E, C, k) which of the u samples support which class in each episode. rule: how they are used."""

    embedding: Tensor
    rows: Tensor
    places: Tensor
    rule: Rule = NEAREST


@dataclass(frozen=True)
class Prediction:
    """unseen: (n, C) share of all seeds and episodes whose support names that class. seen: (n, K) mean
    over seeds of the classifier's softmax."""

    unseen: Tensor
    seen: Tensor


def gallery(head: Head, trial: Trial, rows: Tensor, seeds: int) -> Gallery:
    """The support of ``trial`` as ``head`` embeds it. rows: (n,) manifest rows of the trial's samples."""
    support = torch.as_tensor(trial.support, device=rows.device)
    used, places = torch.unique(support, return_inverse=True)
    return Gallery(F.normalize(embed(head, trial.samples.at(used), seeds), dim=2), rows[used], places, trial.rule)


@torch.no_grad()
def predict(head: Head, features: Mapping[str, Tensor], known: Gallery, rows: Tensor | None = None) -> Prediction:
    """features: input name -> (n, d), scaled as in training. rows: (n,) manifest rows of the samples, if they may be in
    the gallery: the episodes that a sample supports do not count for it.

    The rule is the gallery's, once for each seed and episode.
    """
    head.eval()
    seeds, count = known.embedding.shape[0], next(iter(features.values())).shape[0]
    parts = [
        _part(head, {name: x[start : start + _ROWS] for name, x in features.items()}, known, rows, start, seeds)
        for start in range(0, count, _ROWS)
    ]
    return Prediction(torch.cat([one.unseen for one in parts]), torch.cat([one.seen for one in parts]))


def _part(
    head: Head, features: Mapping[str, Tensor], known: Gallery, rows: Tensor | None, start: int, seeds: int
) -> Prediction:
    output = head({name: x.expand(seeds, *x.shape) for name, x in features.items()})
    size = output.embedding.shape[1]
    counted = torch.ones(size, len(known.places), device=known.places.device)
    if rows is not None:
        own = rows[start : start + size, None] == known.rows[known.places.flatten(1)].flatten()[None]
        counted -= own.view(size, len(known.places), -1).any(2).to(counted.dtype)
    votes = torch.zeros(size, known.places.shape[1], device=known.places.device)
    for vectors, support in zip(F.normalize(output.embedding, dim=2), known.embedding, strict=True):
        votes += _votes(vectors, support[known.places], known.rule, counted)
    total = votes.sum(1, keepdim=True).clamp_min(1)
    return Prediction(votes / total, output.logits.softmax(2).mean(0))


def _votes(vectors: Tensor, support: Tensor, rule: Rule, counted: Tensor) -> Tensor:
    """(n, C) episodes that name each class, of one seed. support: (E, C, k, e)."""
    named = F.one_hot(scorers(support, rule).name(vectors), support.shape[1])
    return (named * counted[:, :, None]).sum(1)
