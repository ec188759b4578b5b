"""Multiplicative fusion by loops, for labels and for classes."""

import math

import pytest
import torch

from heads.blocks.multiplicative import fused, log_probabilities, multiplicative_loss
from heads.head import CLASS, FLAGS


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", [CLASS, FLAGS])
@pytest.mark.parametrize(("streams", "beta"), [(2, 1.0), (3, 0.5), (2, 0.0)])
def test_loss_and_fusion_by_loops(kind: str, streams: int, beta: float) -> None:
    logits, labels = drawn(streams, 2, 3, 4), torch.zeros(2, 3, 4, dtype=torch.float64)
    labels[0, 0, 1] = labels[0, 0, 2] = labels[0, 2, 0] = 1  # seed 1 has no label at all
    logs = log_probabilities(logits, kind)
    p = torch.sigmoid(logits) if kind == FLAGS else torch.softmax(logits, 3)
    torch.testing.assert_close(logs.exp(), p)
    costs = [
        -sum(float(one) ** (beta / (streams - 1)) * math.log(float(one)) for one in p[:, 0, person, label])
        for person, label in ((0, 1), (0, 2), (2, 0))
    ]
    found = multiplicative_loss(logs, labels, beta)
    assert found.tolist() == pytest.approx([sum(costs) / 3, 0])
    together = fused(logs, beta)
    for seed in range(2):
        for person in range(3):
            for label in range(4):
                each = [float(one) for one in p[:, seed, person, label]]
                weights = [one ** (beta / (streams - 1)) for one in each]
                mean = math.prod(one**weight for one, weight in zip(each, weights, strict=True)) ** (1 / sum(weights))
                assert float(together[seed, person, label]) == pytest.approx(mean)


def test_the_sure_stream_counts_most_and_one_alone_is_itself() -> None:
    logs = torch.tensor([0.9, 0.1], dtype=torch.float64).log().view(2, 1, 1, 1)
    assert float(fused(logs, 2.0)) > float(fused(logs, 0.0)) == pytest.approx(0.3)
    assert float(fused(logs[:1], 2.0)) == pytest.approx(0.9)


def test_a_wrong_stream_is_drawn_up_by_its_own_weight_and_never_pushed_down() -> None:
    logits = torch.tensor([-3.0, 1.0], dtype=torch.float64).view(2, 1, 1, 1).requires_grad_()
    multiplicative_loss(log_probabilities(logits, FLAGS), torch.ones(1, 1, 1).double(), 1.0).sum().backward()
    p = logits.detach().sigmoid()
    torch.testing.assert_close(logits.grad, -p * (1 - p))  # weight p, times the derivative of -ln p by its logit


def test_what_is_sure_and_what_is_hopeless_stay_finite_with_their_gradients() -> None:
    logits = torch.tensor([200.0, -200.0]).view(2, 1, 1, 1).requires_grad_()
    logs = log_probabilities(logits, FLAGS)
    (multiplicative_loss(logs, torch.ones(1, 1, 1), 1.0).sum() + fused(logs, 1.0).sum()).backward()
    assert torch.isfinite(logits.grad).all()
