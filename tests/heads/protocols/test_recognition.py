"""Rules on the support against loops with explicit distances and against scikit-learn."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.covariance import ShrunkCovariance
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from heads.protocols._one_shot.episodes import draw_support, recognise
from heads.protocols._one_shot.recognition import Rule, scorers

CLASSES, WIDTH, EPISODES = 4, 10, 5


def drawn(shots: int) -> tuple[np.ndarray, np.ndarray]:
    """Queries (60, e) and support (E, C, k, e), of length 1, the classes apart a little, all of them off the origin."""
    draw = np.random.default_rng(shots)
    middles = 0.7 * draw.normal(size=(CLASSES, WIDTH)) + 1
    support = middles[None, :, None] + draw.normal(size=(EPISODES, CLASSES, shots, WIDTH))
    queries = middles[np.arange(60) % CLASSES] + draw.normal(size=(60, WIDTH))
    return tuple(x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (queries, support))  # type: ignore[return-value]


def whitening(x: np.ndarray, shrinkage: float) -> np.ndarray:
    """The symmetric inverse root of scikit-learn's shrunken covariance."""
    values, vectors = np.linalg.eigh(ShrunkCovariance(shrinkage=shrinkage).fit(x).covariance_)
    return np.asarray(vectors / np.sqrt(values) @ vectors.T)


def by_scikit(queries: np.ndarray, support: np.ndarray, rule: Rule) -> np.ndarray:
    """(C..) labels of the queries in one episode, every step on its own. support: (C, k, e)."""
    x, y = support.reshape(-1, WIDTH), np.repeat(np.arange(CLASSES), support.shape[1])
    if rule.support_norm != "none":
        middle = x.mean(0)
        root = whitening(x, rule.shrinkage) if rule.support_norm == "whiten" else np.eye(WIDTH)
        x, queries = (x - middle) @ root, (queries - middle) @ root
    if rule.rule == "linear":
        return np.asarray(RidgeClassifier(alpha=rule.ridge).fit(x, y).predict(queries))
    if rule.rule == "nearest":
        return np.asarray(KNeighborsClassifier(1, metric="cosine").fit(x, y).predict(queries))
    means = NearestCentroid().fit(x, y).centroids_ if support.shape[1] > 1 else x  # it divides by shots - 1
    return np.asarray(KNeighborsClassifier(1, metric="cosine").fit(means, np.arange(CLASSES)).predict(queries))


@pytest.mark.parametrize("shots", [1, 3])
@pytest.mark.parametrize("norm", ["none", "centre", "whiten"])
@pytest.mark.parametrize("rule", ["nearest", "centroid", "linear"])
def test_every_rule_names_what_scikit_learn_names(rule: Any, norm: Any, shots: int) -> None:
    queries, support = drawn(shots)
    settings = Rule(rule=rule, support_norm=norm, shrinkage=0.3, ridge=0.7)
    named = scorers(torch.as_tensor(support), settings).name(torch.as_tensor(queries)).numpy()
    for episode in range(EPISODES):
        assert named[:, episode].tolist() == by_scikit(queries, support[episode], settings).tolist()
    assert 0.4 < (named == (np.arange(60) % CLASSES)[:, None]).mean() < 1


@pytest.mark.parametrize("rule", ["nearest", "centroid", "linear"])
def test_centring_takes_away_what_all_have_in_common(rule: Any) -> None:
    queries, support = (torch.as_tensor(x) for x in drawn(3))
    shift = torch.full((WIDTH,), 5.0, dtype=torch.float64)
    settings = Rule(rule=rule, support_norm="centre")
    assert torch.equal(
        scorers(support, settings).name(queries), scorers(support + shift, settings).name(queries + shift)
    )


def test_one_shot_centroids_are_the_nearest_and_a_regression_centres_anyway() -> None:
    queries, support = (torch.as_tensor(x) for x in drawn(1))
    nearest, centroid = (scorers(support, Rule(rule=rule)).name(queries) for rule in ("nearest", "centroid"))  # type: ignore[arg-type]
    assert torch.equal(nearest, centroid)
    plain, centred = (scorers(support, Rule(rule="linear", support_norm=norm)) for norm in ("none", "centre"))  # type: ignore[arg-type]
    torch.testing.assert_close(plain.weight, centred.weight)


@pytest.mark.parametrize("norm", ["none", "centre", "whiten"])
@pytest.mark.parametrize("rule", ["nearest", "centroid", "linear"])
def test_supports_that_are_all_the_same_name_some_class_and_are_no_error(rule: Any, norm: Any) -> None:
    named = scorers(torch.full((2, 3, 2, 4), 0.5), Rule(rule=rule, support_norm=norm)).name(torch.eye(4))
    assert named.shape == (4, 2)
    assert ((named >= 0) & (named < 3)).all()


def test_counts_follow_the_rule() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 4, 40)
    embedding = draw.normal(size=(1, 40, 6)) + 0.7 * np.eye(6)[labels]
    support, rule = draw_support(40, np.arange(40), labels, 4, 3, 7), Rule(rule="linear", ridge=0.3)
    unit = embedding[0] / np.linalg.norm(embedding[0], axis=1, keepdims=True)
    expected = np.zeros((7, 4), dtype=int)
    for episode, known in enumerate(support):
        queries = np.setdiff1d(np.arange(40), known)
        model = RidgeClassifier(alpha=0.3).fit(unit[known.flatten()], np.repeat(np.arange(4), 3))
        right = labels[queries][model.predict(unit[queries]) == labels[queries]]
        expected[episode] = np.bincount(right, minlength=4)
    counts = recognise(torch.as_tensor(embedding), torch.as_tensor(labels), support, rule)
    assert (counts.correct[0] == expected).all()
