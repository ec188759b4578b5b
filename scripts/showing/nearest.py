"""Who of some people is nearest to whom, by the cosine of their vectors in a feature."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cache.errors import ConfigError, UnknownName, nearest
from cache.feature import Feature
from cache.spec import Granularity, Status

MOST = 5
POOLED = "pooled"
"""The array that a feature's name alone stands for."""
_BLOCK = 1024


class Near(NamedTuple):
    """word: ``body`` or ``scene/scores``. people: (n, k) numbers among the n people, the nearest first, -1 for none;
    likeness: (n, k) their cosines."""

    word: str
    people: NDArray[np.int64]
    likeness: NDArray[np.float32]


def spaces(features: Mapping[str, Feature], words: Sequence[str]) -> dict[str, tuple[Feature, str]]:
    """Word -> feature and array; without ``words`` all pooled vectors of trained features.

    Raises: UnknownName; ConfigError for an untrained feature and for an array that is no vector of floats.
    """
    if not words:
        return {name: (one, POOLED) for name, one in features.items() if one.trained and _vector(one, POOLED)}
    found = {}
    for word in words:
        name, _, array = word.partition("/")
        if name not in features or (array or POOLED) not in features[name].arrays:
            known = [f"{one}/{array}" for one, feature in features.items() for array in feature.arrays]
            raise UnknownName(f"FEATURE={word}: is not in the store.{nearest(word, known)}")
        feature = features[name]
        if not feature.trained:
            raise ConfigError(f"FEATURE={word}: is UNTRAINED, so who is near in it means nothing. Give a trained one")
        if not _vector(feature, array or POOLED):
            shape = feature.arrays[array or POOLED].shape
            raise ConfigError(f"FEATURE={word}: rows of shape {shape} are no vectors. Give one such as body/pooled")
        found[word] = feature, array or POOLED
    return found


def _vector(feature: Feature, array: str) -> bool:
    """One a row, or one for each of a clip's frames."""
    spec, framed = feature.arrays.get(array), {"positions", "present"} <= feature.arrays.keys()
    return spec is not None and spec.dtype.startswith("float") and len(spec.shape) == 1 + framed


def near(word: str, feature: Feature, array: str, rows: NDArray[np.int64], images: NDArray[np.int64]) -> Near:
    """rows: (n,) of the manifest, people. images: (n,) number of each one's image; nobody is his own neighbour, nor, in
    a feature of whole images, is anybody in the same one. Who lacks the feature is nobody's.

    Raises: StoreError, ShardError.
    """
    vectors, here = _vectors(feature, array, rows)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(length, length, 1)
    count = min(MOST, len(rows))
    people, likeness = np.full((len(rows), count), -1, np.int64), np.zeros((len(rows), count), np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosines = vectors[part] @ vectors.T
        cosines[:, ~here] = -np.inf
        if feature.granularity is Granularity.IMAGE:
            cosines[images[part, None] == images[None]] = -np.inf
        cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = -np.inf
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        likeness[part] = np.take_along_axis(cosines, best, 1)
        people[part] = np.where(np.isfinite(likeness[part]), best, -1)
    people[~here] = -1
    return Near(word, people, likeness)


def _vectors(feature: Feature, array: str, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(n, d), and who has one: (n,). A clip's is the mean of its frames that have one."""
    width, here = feature.arrays[array].shape[-1], np.zeros(len(rows), bool)
    out = np.zeros((len(rows), width), np.float32)
    for block in feature.layout.blocks():
        mine = np.flatnonzero(np.isin(rows, block.rows))
        if feature.header(block) is None or not len(mine):
            continue
        values, status = feature.of_people(array, rows[mine])
        if values.ndim == 3:
            present = feature.of_people("present", rows[mine])[0][..., None] > 0
            values = np.where(present, values, 0).astype(np.float32).sum(1) / present.sum(1).clip(1)
        out[mine], here[mine] = values, status == Status.OK
    out[~here] = 0
    return out, here
