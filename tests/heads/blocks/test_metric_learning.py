"""The miner and the losses of Affect-DML against plain loops; test_losses.py compares all with a library."""

import itertools
from types import SimpleNamespace

import pytest
import torch
from batches import batch
from torch import Tensor
from torch.nn import functional as F

from heads.blocks.chosen import Chosen
from heads.blocks.cross_entropy import cross_entropy
from heads.losses import triplet
from heads.miners import multi_similarity

EPSILON, MARGIN = 0.1, 0.2


def mined(z: Tensor, labels: Tensor, epsilon: float = EPSILON) -> Chosen:
    return multi_similarity.Miner(SimpleNamespace(epsilon=epsilon)).choose(z[None], labels[None])


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5])
def test_miner_chooses_the_pairs_that_the_equations_choose(epsilon: float) -> None:
    x, labels = batch("groups of four", 1)
    z = F.normalize(x, dim=1)
    pairs = mined(z, labels, epsilon)
    for a in range(len(z)):
        positives = [i for i in range(len(z)) if labels[i] == labels[a] and i != a]
        negatives = [i for i in range(len(z)) if labels[i] != labels[a]]
        hardest = max(float(z[a] @ z[n]) for n in negatives)
        farthest = min(float(z[a] @ z[p]) for p in positives)
        assert pairs.positive[0, a].nonzero().flatten().tolist() == [
            p for p in positives if float(z[a] @ z[p]) - epsilon < hardest
        ]
        assert pairs.negative[0, a].nonzero().flatten().tolist() == [
            n for n in negatives if float(z[a] @ z[n]) + epsilon > farthest
        ]


def test_triplet_loss_is_the_mean_over_violated_triplets_by_loops() -> None:
    x, labels = batch("random", 2)
    z = F.normalize(x, dim=1)
    pairs = mined(z, labels)
    violations = []
    for a, p, n in itertools.product(range(len(z)), repeat=3):
        if pairs.positive[0, a, p] and pairs.negative[0, a, n]:
            violations.append(float((z[a] - z[p]).norm() - (z[a] - z[n]).norm()) + MARGIN)
    hit = [violation for violation in violations if violation > 0]
    assert 0 < len(hit) < len(violations)
    loss = triplet.Loss(SimpleNamespace(margin=MARGIN), 16, 6, [])
    assert float(loss(z[None], labels[None], pairs)) == pytest.approx(sum(hit) / len(hit), abs=1e-9)


def test_cross_entropy_is_the_mean_negative_log_softmax_of_each_seed() -> None:
    logits, labels = torch.randn(3, 5, 4, dtype=torch.float64), torch.randint(0, 4, (3, 5))
    for seed in range(3):
        by_hand = [
            -torch.log(row[label].exp() / row.exp().sum())
            for row, label in zip(logits[seed], labels[seed], strict=True)
        ]
        torch.testing.assert_close(cross_entropy(logits, labels)[seed], torch.stack(by_hand).mean())
