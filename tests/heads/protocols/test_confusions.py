"""What each query was taken for, against loops over queries and against the counts."""

import itertools

import numpy as np
import pytest
import torch

from heads.protocols._one_shot.confusions import confusions
from heads.protocols._one_shot.episodes import recognise
from heads.protocols._one_shot.recognition import Rule, scorers


@pytest.mark.parametrize("shots", [1, 3])
@pytest.mark.parametrize("rule", [Rule(), Rule(rule="centroid"), Rule(rule="linear", support_norm="centre")])
def test_confusions_of_an_episode_are_those_of_its_own_queries(shots: int, rule: Rule) -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [9, 7, 5])
    support = np.stack([[draw.choice(np.flatnonzero(labels == c), shots, False) for c in range(3)] for _ in range(4)])
    embedding = torch.as_tensor(draw.normal(size=(2, 21, 5)), dtype=torch.float32)
    found = confusions(embedding, torch.as_tensor(labels), support, rule)
    assert found.shape == (2, 4, 3, 3)
    for seed, episode in itertools.product(range(2), range(4)):
        vectors = torch.nn.functional.normalize(embedding[seed], dim=1)
        expected = np.zeros((3, 3), int)
        for person in sorted(set(range(21)) - set(support[episode].ravel().tolist())):
            given = scorers(vectors[torch.as_tensor(support[episode])][None], rule).name(vectors[person][None])
            expected[labels[person], int(given)] += 1
        assert found[seed, episode].tolist() == expected.tolist()
    correct, total = recognise(embedding, torch.as_tensor(labels), support, rule)
    assert found.diagonal(axis1=2, axis2=3).tolist() == correct.tolist()
    assert found.sum(3).tolist() == np.broadcast_to(total, (2, 4, 3)).tolist()
