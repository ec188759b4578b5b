"""Support draws and nearest neighbours against loops; the metrics by hand."""

import numpy as np
import pytest
import torch

from heads.metrics import accuracy, macro_accuracy
from heads.protocols._one_shot.episodes import draw_support, recognise
from heads.protocols._one_shot.recognition import Rule


def by_loops(embedding: np.ndarray, labels: np.ndarray, support: np.ndarray) -> np.ndarray:
    """(S, E, C) correct queries, with explicit Euclidean distances on vectors of length 1."""
    seeds, episodes, classes = len(embedding), len(support), support.shape[1]
    out = np.zeros((seeds, episodes, classes), dtype=int)
    for seed in range(seeds):
        unit = embedding[seed] / np.linalg.norm(embedding[seed], axis=1, keepdims=True)
        for episode in range(episodes):
            known = [(place, label) for label in range(classes) for place in support[episode, label]]
            for query in sorted(set(range(len(labels))) - {place for place, _ in known}):
                distances = [np.linalg.norm(unit[query] - unit[place]) for place, _ in known]
                out[seed, episode, labels[query]] += known[int(np.argmin(distances))][1] == labels[query]
    return out


@pytest.mark.parametrize("shots", [1, 3])
def test_counts_equal_a_plain_search_for_the_nearest(shots: int) -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 4, 40)
    embedding = draw.normal(size=(2, 40, 6)) + np.eye(6)[labels]
    support = draw_support(40, np.arange(40), labels, 4, shots, 7)
    counts = recognise(torch.as_tensor(embedding), torch.as_tensor(labels), support, Rule())
    assert (counts.correct == by_loops(embedding, labels, support)).all()
    assert counts.total.tolist() == [int((labels == c).sum()) - shots for c in range(4)]
    assert 0 < counts.correct.sum() < 2 * 7 * counts.total.sum()


def test_perfect_embeddings_recognise_every_query_and_equal_ones_only_the_first_class() -> None:
    labels = np.array([0] * 5 + [1] * 3)
    support = draw_support(8, np.arange(8), labels, 2, 1, 4)
    perfect = torch.eye(2)[torch.as_tensor(labels)][None]
    assert (recognise(perfect, torch.as_tensor(labels), support, Rule()).correct == [4, 2]).all()
    assert (recognise(torch.ones(1, 8, 2), torch.as_tensor(labels), support, Rule()).correct == [4, 0]).all()


def test_supports_belong_to_their_class_and_every_sample_is_drawn() -> None:
    labels = np.repeat([0, 1, 2], [4, 9, 6])
    support = draw_support(60, np.arange(19) * 3, labels, 3, 2, 300)
    assert (labels[support] == np.arange(3)[:, None]).all()
    assert (support[..., 0] != support[..., 1]).all()
    share = np.bincount(support[:, 1].flatten(), minlength=19)[4:13] / 300
    assert np.abs(share - 2 / 9).max() < 5 * np.sqrt(2 / 9 * 7 / 9 / 300)


def test_draws_repeat_and_differ_by_seed() -> None:
    labels, rows = np.repeat([0, 1], 50), np.arange(100)
    first = draw_support(100, rows, labels, 2, 1, 20)
    assert (first == draw_support(100, rows, labels, 2, 1, 20)).all()
    assert (first != draw_support(100, rows, labels, 2, 1, 20, seed=1)).any()


@pytest.mark.parametrize("row", [7, 99])
def test_a_missing_sample_changes_only_the_episodes_that_had_drawn_it(row: int) -> None:
    labels, rows = np.repeat([0, 1], 50), np.arange(100)
    kept = np.delete(rows, row)
    all_, fewer = (r[draw_support(100, r, labels[r], 2, 1, 200)] for r in (rows, kept))
    differ = (all_ != fewer).any((1, 2))
    assert differ.sum() == (all_ == row).any((1, 2)).sum() > 0


def test_micro_accuracy_weighs_queries_and_macro_accuracy_weighs_classes() -> None:
    correct, total = np.array([[[9, 0], [0, 1]]]), np.array([9, 1])
    assert accuracy.score(correct, total).tolist() == [[0.9, 0.1]]
    assert macro_accuracy.score(correct, total).tolist() == [[0.5, 0.5]]
