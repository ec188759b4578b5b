"""The dense miner and losses against pytorch-metric-learning, values and gradients, and against plain loops."""

import itertools

import pytest
import torch
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import MultiSimilarityMiner
from torch import Tensor
from torch.nn import functional as F

from heads.losses.cross_entropy import cross_entropy
from heads.losses.triplet import triplet_margin
from heads.miners import multi_similarity

EPSILON, MARGIN = 0.1, 0.2


def ours(embedding: Tensor, labels: Tensor, epsilon: float = EPSILON) -> Tensor:
    normalised = F.normalize(embedding, dim=2)
    return triplet_margin(normalised, multi_similarity(normalised.detach(), labels, epsilon), MARGIN)


def theirs(embedding: Tensor, labels: Tensor, epsilon: float = EPSILON) -> Tensor:
    pairs = MultiSimilarityMiner(epsilon=epsilon)(embedding, labels)
    return TripletMarginLoss(margin=MARGIN)(embedding, labels, pairs)


def batch(case: str, seed: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(32, 16, generator=draw, dtype=torch.float64)
    labels = torch.randint(0, 6, (32,), generator=draw)
    if case == "groups of four":
        labels = torch.arange(8).repeat_interleave(4) % 6
    elif case == "close":
        x = 1 + 0.1 * x
    elif case == "single class":
        labels = torch.zeros(32, dtype=torch.int64)
    elif case == "all different":
        labels = torch.arange(32)
    elif case == "one pair":
        labels = torch.cat([torch.zeros(2, dtype=torch.int64), torch.arange(1, 31)])
    elif case == "duplicates":
        x[8:16], labels[8:16] = x[:8], labels[:8]
    elif case == "separated":
        x = 0.01 * x + 10 * F.one_hot(labels, 16)
    elif case == "two samples":
        x, labels = x[:2], torch.tensor([0, 1])
    return x, labels


CASES = [
    *("random", "groups of four", "close", "single class", "all different"),
    *("one pair", "duplicates", "separated", "two samples"),
]


@pytest.mark.parametrize("case", CASES)
def test_mined_triplet_loss_equals_pytorch_metric_learning(case: str) -> None:
    parts = [batch(case, seed) for seed in range(6)]
    x = torch.stack([part[0] for part in parts]).requires_grad_()
    labels = torch.stack([part[1] for part in parts])
    loss = ours(x, labels)
    loss.sum().backward()
    for number, (part, label) in enumerate(parts):
        single = part.clone().requires_grad_()
        expected = theirs(single, label)
        expected.sum().backward()
        torch.testing.assert_close(loss[number], expected, rtol=0, atol=1e-6)
        gradient = torch.zeros_like(single) if single.grad is None else single.grad
        torch.testing.assert_close(x.grad[number], gradient, rtol=0, atol=1e-6)
    expects_zero = case in {"single class", "all different", "two samples", "separated"}
    assert bool((loss == 0).all()) == expects_zero


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5])
def test_miner_chooses_the_pairs_that_the_equations_choose(epsilon: float) -> None:
    x, labels = batch("groups of four", 1)
    z = F.normalize(x, dim=1)
    pairs = multi_similarity(z[None], labels[None], epsilon)
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
    pairs = multi_similarity(z[None], labels[None], EPSILON)
    violations = []
    for a, p, n in itertools.product(range(len(z)), repeat=3):
        if pairs.positive[0, a, p] and pairs.negative[0, a, n]:
            violations.append(float((z[a] - z[p]).norm() - (z[a] - z[n]).norm()) + MARGIN)
    hit = [violation for violation in violations if violation > 0]
    assert 0 < len(hit) < len(violations)
    assert float(triplet_margin(z[None], pairs, MARGIN)) == pytest.approx(sum(hit) / len(hit), abs=1e-9)


def test_one_seed_does_not_touch_another() -> None:
    x, labels = batch("random", 3)
    other, other_labels = batch("close", 4)
    first = torch.stack([x, other]).requires_grad_()
    ours(first, torch.stack([labels, other_labels]))[0].backward()
    assert not first.grad[1].any()
    assert first.grad[0].any()


def test_cross_entropy_is_the_mean_negative_log_softmax_of_each_seed() -> None:
    logits, labels = torch.randn(3, 5, 4, dtype=torch.float64), torch.randint(0, 4, (3, 5))
    for seed in range(3):
        by_hand = [
            -torch.log(row[label].exp() / row.exp().sum())
            for row, label in zip(logits[seed], labels[seed], strict=True)
        ]
        torch.testing.assert_close(cross_entropy(logits, labels)[seed], torch.stack(by_hand).mean())
