"""Which samples make a training batch, drawn beforehand for a whole epoch: groups of one class, or any."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]


def generator(seed: int) -> np.random.Generator:
    """The stream of draws of one seed, apart from the one that sets its weights."""
    return np.random.default_rng([seed, 1])


def fitting(count: int, per_class: int, batch: int) -> int:
    """Samples in a step: ``batch``; of fewer than that, as many as fill groups, or all without groups. count: of all
    samples, at least ``per_class``."""
    return min(batch, count // per_class * per_class if per_class else count)


def epoch(labels: Array, per_class: int, batch: int, draw: np.random.Generator) -> Array:
    """Positions of the samples of each step, (len(labels) // batch, batch), or one step of ``fitting`` samples.

    labels: (n,) class of each sample. Classes come in shuffled passes; each gives ``per_class`` different samples, or
    repeats some when it has fewer. The stream of groups is cut into batches.
    Source: pytorch-metric-learning's MPerClassSampler, which passes over whole batches only and therefore refuses 32
    out of 6 classes times 4; the public code's sampler without a batch size is the stream used here.
    """
    batch = fitting(len(labels), per_class, batch)
    steps = len(labels) // batch
    order = np.argsort(labels, kind="stable")
    classes, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    groups = steps * batch // per_class
    passes = -(-groups // max(len(classes), 1))
    chosen = draw.permuted(np.tile(np.arange(len(classes)), (passes, 1)), axis=1).reshape(-1)[:groups]
    inside = _distinct(counts[chosen], per_class, draw)
    positions: Array = order[starts[chosen][:, None] + inside].reshape(steps, batch)
    return positions


def shuffled(count: int, batch: int, draw: np.random.Generator) -> Array:
    """Positions of the samples of each step, (count // batch, batch): each of ``count`` at most once. Where there are
    fewer than ``batch``, one step of all of them."""
    batch = fitting(count, 0, batch)
    steps = count // batch
    positions: Array = draw.permutation(count)[: steps * batch].reshape(steps, batch)
    return positions


def _distinct(sizes: Array, wanted: int, draw: np.random.Generator) -> Array:
    """``wanted`` different numbers below each size, (len(sizes), wanted); with repeats where a size is too small.

    Robert Floyd's way: the j-th number is drawn below size - wanted + j + 1, and is that bound when already taken.
    """
    out = np.empty((len(sizes), wanted), dtype=np.int64)
    for column in range(wanted):
        bound = sizes - wanted + column
        number = draw.integers(0, np.where(bound < 0, sizes, bound + 1))
        taken = (out[:, :column] == number[:, None]).any(1)
        out[:, column] = np.where(taken & (sizes >= wanted), bound, number)
    return out
