"""The common feature space: masked losses by loops, the whole way by torch's own layers, one seed beside others."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from heads.blocks.common_space import CommonSpace, masked_loss
from heads.blocks.layers import generators
from heads.blocks.map_layers import Residuals

SEEDS = (3, 8)


def maps(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_masked_loss_is_equation_7() -> None:
    teacher, made = maps(3, 4, 2, 5), maps(3, 4, 2, 5, seed=1).requires_grad_()
    teacher[1] = -teacher[1].abs()
    for image, found in enumerate(masked_loss(teacher, made).tolist()):
        squares = [
            (one - two) ** 2
            for one, two in zip(teacher[image].flatten().tolist(), made[image].flatten().tolist(), strict=True)
            if one > 0
        ]
        assert found == pytest.approx(sum(squares) / len(squares) if squares else 0)
    teacher.requires_grad_()
    assert torch.autograd.gradcheck(masked_loss, (teacher, made))


def blocks(x: Tensor, residuals: Residuals, seed: int) -> Tensor:
    for block in residuals.blocks:
        y = x
        for number, layer in enumerate((block.first, block.second)):
            y = F.conv2d(y, layer.convolution.weight[seed], padding=1)
            norm = layer.norm
            y = F.batch_norm(y, norm.mean[seed], norm.variance[seed], norm.weight[seed], norm.bias[seed])
            y = F.relu(y if number == 0 else y + x)
        x = y
    return x


@pytest.mark.parametrize("teachers", [(3,), (3, 6)])
def test_features_are_aligned_extracted_joined_and_decoded(teachers: tuple[int, ...]) -> None:
    space = CommonSpace(5, teachers, 4, 2, generators(SEEDS)).double().eval()
    student, theirs = maps(2, 5, 3, 4), [maps(2, width, 3, 4, seed=width) for width in teachers]
    for seed in range(2):
        found = space(student, theirs, seed)
        extracted = [
            blocks(F.conv2d(x, layer.weight[seed], layer.bias[seed]), space.extractor, seed)
            for x, layer in zip((student, *theirs), space.align, strict=True)
        ]
        joined = extracted[1]
        if len(teachers) > 1:
            assert space.reduce is not None
            assert space.reduce.weight.shape[1] == 2
            reduced = [F.relu(F.conv2d(x, space.reduce.weight[seed], space.reduce.bias[seed])) for x in extracted[1:]]
            joined = torch.cat(reduced, 1)
        torch.testing.assert_close(found[0], masked_loss(joined, extracted[0]))
        wrong = [
            masked_loss(x, F.conv2d(joined, layer.weight[seed], layer.bias[seed]))
            for x, layer in zip(theirs, space.decoders, strict=True)
        ]
        torch.testing.assert_close(found[1], sum(wrong[1:], wrong[0]))
