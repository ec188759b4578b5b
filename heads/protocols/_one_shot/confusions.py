"""What each query was taken for, in every seed and episode."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from heads.protocols._one_shot.recognition import Rule, scorers

_ROWS, _SCORES = 4096, 4096 * 1200
"""Queries compared in one go, and how many scores they may make together: bounds the memory."""


def confusions(embedding: Tensor, labels: Tensor, support: NDArray[np.int64], rule: Rule) -> NDArray[np.int64]:
    """(S, E, C, C) queries by their true class (row) and the one they were given (column) in each seed and episode.

    As in ``episodes.recognise``, whose counts are the diagonals. embedding: (S, n, e). labels: (n,) 0..C - 1. support:
    (E, C, k) positions.
    """
    episodes, classes, _ = support.shape
    places = torch.as_tensor(support, device=labels.device)
    cells = torch.arange(episodes, device=labels.device) * classes**2 + labels[:, None] * classes
    found = [_named(F.normalize(one, dim=1), cells, places, rule).cpu().numpy() for one in embedding]
    return np.stack(found).reshape(-1, episodes, classes, classes)


def _named(vectors: Tensor, cells: Tensor, places: Tensor, rule: Rule) -> Tensor:
    """(E * C * C,) counts of one seed. vectors: (n, e). cells: (n, E), where a query's row of the counts begins."""
    episodes, classes, _ = places.shape
    outside = episodes * classes**2
    known = scorers(vectors[places], rule)
    rows = max(1, min(_ROWS, _SCORES // places[0].numel() // episodes))
    given = torch.cat([known.name(vectors[start : start + rows]) for start in range(0, len(vectors), rows)])
    found = (cells + given).scatter_(0, places.flatten(1).T, outside)
    return torch.bincount(found.flatten(), minlength=outside + 1)[:outside]
