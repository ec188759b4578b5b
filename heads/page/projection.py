"""Embeddings laid out on a plane by t-SNE."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 2000
"""Samples that are laid out; of more, so many are drawn by chance."""
_PERPLEXITY, _FEWEST = 30.0, 4


@dataclass(frozen=True)
class Projection:
    """points: (m, 2) in 0..1. labels: (m,). of: how many samples there were."""

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    of: int


def tsne(embedding: NDArray[np.float32], labels: NDArray[np.int64], most: int = MOST) -> Projection | None:
    """embedding: (n, e) of length 1. labels: (n,). The same input gives the same picture. None for fewer than four.

    Source: van der Maaten and Hinton 2008; Affect-DML, figure 4 shows such a picture.
    """
    if len(embedding) < _FEWEST:
        return None
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    chosen = np.arange(len(embedding))
    if len(chosen) > most:
        chosen = np.sort(np.random.default_rng(0).choice(len(embedding), most, replace=False))
    perplexity = min(_PERPLEXITY, (len(chosen) - 1) / 3)
    model = TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=0)
    with threadpool_limits(1):  # its threads wait for each other by spinning: on a busy machine ten times slower
        points = np.asarray(model.fit_transform(embedding[chosen].astype(np.float64)), dtype=np.float64)
    low, high = points.min(0), points.max(0)
    scaled = (points - (low + high) / 2) / max(float((high - low).max()), 1e-12) + 0.5
    return Projection(scaled, labels[chosen], len(embedding))
