"""A bootstrap over images: how much each person counts in each resample."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.fingerprint import digest

SEED = 2
"""Of the resamples; the same for every head, so that two heads can be compared resample by resample."""

ENOUGH = 10
"""Images of a class from which its resampled score covers what it says, by simulation."""

AT_ONCE = 200
"""Resamples weighed in one go: bounds the memory."""


def weights(
    images: NDArray[np.int64], rows: NDArray[np.int64], resamples: int, at_once: int = AT_ONCE
) -> Iterator[NDArray[np.float64]]:
    """(n, r), some resamples after the other: how much each person in ``rows`` counts in them. All people of an image
    count alike, for they are not independent; an image counts alike for every head, whoever else is there.

    images: of every row of the manifest, the number of its image. at_once: r at most; the numbers are the same.
    Source: Rubin 1981, The Bayesian bootstrap: exponential weights in place of how often an image is drawn. Unlike
    those they leave no class without people; but a class of few images is hardly ever another one, so its scores
    seem surer than they are.
    """
    draw, count = np.random.default_rng([SEED, resamples]), int(images.max()) + 1
    mine = images[rows]
    for start in range(0, resamples, at_once):
        some = range(start, min(start + at_once, resamples))
        yield np.stack([draw.standard_exponential(count)[mine] for _ in some], 1)


def scored_on(images: NDArray[np.int64], rows: NDArray[np.int64], resamples: int) -> dict[str, Any]:
    """The resamples, as ``Trial.scored_on`` tells them."""
    return {"resamples": [resamples, digest(np.ascontiguousarray(images[rows]).tobytes())]}
