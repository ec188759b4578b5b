"""The benchmark's usual loop computes what ours does: the same weights on the objects and the same gradients."""

import copy

import torch

from heads.blocks.object_attention import ObjectAttention
from scripts.bench.rivals.relational import written


def test_the_equations_as_they_stand_give_the_same() -> None:
    draw = torch.Generator().manual_seed(3)
    ours = ObjectAttention(6, 5, 3, 4, 8, [draw]).double()
    usual = written(copy.deepcopy(ours))
    person, objects, where = (torch.randn(1, 7, *shape, generator=draw).double() for shape in ((6,), (9, 5), (9, 4)))
    there = torch.arange(9) < torch.tensor([0, 1, 9, 4, 5, 6, 7])[None, :, None]
    wanted = torch.randn(1, 7, 3, 9, generator=draw).double()
    for one in (ours, usual):
        torch.autograd.backward((one.weights(person, objects, there, where) * wanted).sum())
    assert type(usual) is not type(ours)
    torch.testing.assert_close(
        usual.weights(person, objects, there, where), ours.weights(person, objects, there, where)
    )
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(dict(usual.named_parameters())[name].grad, parameter.grad)
