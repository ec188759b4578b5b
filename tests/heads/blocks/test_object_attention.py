"""BOA's attention against the equations written as loops; the gate on pooled vectors against the gate on maps."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heads.blocks.gate import Gate
from heads.blocks.layers import generators
from heads.blocks.object_attention import ObjectAttention, even, likeness, placed, waves, weighed

SEEDS = (0, 3)
HEADS, KEY, WIDE = 2, 3, 16


def boxes(*shape: int) -> Tensor:
    draw = torch.Generator().manual_seed(5)
    corners = 200 * torch.rand(*shape, 2, generator=draw, dtype=torch.float64)
    return torch.cat([corners, corners + 5 + 100 * torch.rand(*shape, 2, generator=draw, dtype=torch.float64)], -1)


def test_places_by_hand() -> None:
    """A person 10 wide and 20 high at (30, 40); an object 5 by 40 at (10, 40), and the person's own box."""
    person = torch.tensor([[[30.0, 40, 40, 60]]])
    found = placed(person, torch.tensor([[[[10.0, 40, 15, 80], [30, 40, 40, 60]]]]))
    least = math.log(1e-3)
    expected = [[math.log(2), least, math.log(0.5), math.log(2)], [least, least, 0, 0]]
    torch.testing.assert_close(found, torch.tensor([[expected]]))


def test_nothing_of_boxes_without_size_is_infinite() -> None:
    assert torch.isfinite(placed(torch.zeros(1, 1, 4), torch.zeros(1, 1, 2, 4))).all()


def embedded(values: list[float]) -> list[float]:
    """E of eq. 4 with WIDE numbers: position (2i) is sin(v / 10000^(2i/d)) of Vaswani et al., d for each value."""
    each_wide = WIDE // len(values)
    turned = []
    for value in values:
        angles = [value / 10_000 ** (2 * i / each_wide) for i in range(each_wide // 2)]
        turned += [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
    return turned


def test_waves_equal_the_formula() -> None:
    x = [0.3, -6.9, 2.0, 5.5]
    torch.testing.assert_close(waves(torch.tensor(x, dtype=torch.float64), WIDE).tolist(), embedded(x))


def looped(model: ObjectAttention, seed: int, person: Tensor, objects: Tensor, where: Tensor, count: int) -> Tensor:
    """Eq. 2 to 4 of one person, (H, M), as printed: keys are made, and heads one by one."""
    weights = torch.zeros(HEADS, len(objects), dtype=torch.float64)
    asked = person @ model.query.weight[seed] + model.query.bias[seed, 0]
    for head in range(HEADS):
        logits = []
        for m in range(count):
            key = model.keys[seed, head] @ objects[m] + 0.7  # any offset of the keys changes nothing
            appearance = (key @ asked[head * KEY : (head + 1) * KEY]).item() / math.sqrt(KEY)
            near = 1.0
            if model.place is not None:
                wave = torch.tensor(embedded(where[m].tolist()), dtype=torch.float64)
                near = (wave @ model.place.weight[seed, :, head] + model.place.bias[seed, 0, head]).item()
            logits.append(appearance + math.log(max(near, 1e-6)))
        total = sum(math.exp(logit) for logit in logits)
        weights[head, :count] = torch.tensor([math.exp(logit) / total for logit in logits])
    return weights


@pytest.mark.parametrize("geometry", [0, WIDE])
def test_weights_equal_the_equations_in_a_loop(geometry: int) -> None:
    model = ObjectAttention(5, 7, HEADS, KEY, geometry, generators(SEEDS)).double()
    person, objects = torch.randn(2, 3, 5).double(), torch.randn(2, 3, 4, 7).double()
    where = placed(boxes(2, 3), boxes(2, 3, 4))
    counts = torch.tensor([[4, 2, 0], [1, 4, 3]])
    found = model.weights(person, objects, torch.arange(4) < counts[..., None], where)
    for seed in range(2):
        for one in range(3):
            expected = looped(
                model, seed, person[seed, one], objects[seed, one], where[seed, one], int(counts[seed, one])
            )
            torch.testing.assert_close(found[seed, one], expected)
    assert not found[0, 2].any()


def test_seeds_that_share_objects_weigh_them_as_their_own() -> None:
    model = ObjectAttention(5, 7, HEADS, KEY, WIDE, generators(SEEDS)).double()
    person, objects = torch.randn(2, 3, 5).double(), torch.randn(3, 4, 7).double().expand(2, 3, 4, 7)
    there, where = torch.ones(2, 3, 4, dtype=torch.bool), placed(boxes(2, 3), boxes(2, 3, 4))
    shared, copied = (model.weights(person, one, there, where) for one in (objects, objects.clone()))
    assert torch.equal(shared, copied)
    assert torch.equal(weighed(shared, objects), torch.matmul(shared, objects))


@pytest.mark.parametrize("product", [likeness, weighed])
def test_products_with_objects_and_their_gradients_are_autograds_own(product: Callable[..., Tensor]) -> None:
    one, objects = torch.randn(2, 3, HEADS, 7 if product is likeness else 4), torch.randn(2, 3, 4, 7)
    leaves = [x.double().requires_grad_() for x in (one, objects)]
    usual = torch.matmul(leaves[0], leaves[1].mT if product is likeness else leaves[1])
    torch.testing.assert_close(product(*leaves), usual)
    weights = torch.randn_like(usual)
    expected = torch.autograd.grad((usual * weights).sum(), leaves)
    torch.testing.assert_close(torch.autograd.grad((product(*leaves) * weights).sum(), leaves), expected)


def test_even_weights_are_a_mean_of_what_is_there() -> None:
    there = torch.tensor([[[True, True, False, False], [False] * 4]])
    assert even(there, torch.zeros(1)).tolist() == [[[[0.5, 0.5, 0, 0]], [[0.0] * 4]]]


def test_the_gate_of_a_pooled_vector_is_that_of_its_map() -> None:
    """Squeeze, excite, scale the map's channels, pool; against the gate of the pooled vector, in float32."""
    gate, maps = Gate(64, 8, generators(SEEDS)), torch.rand(2, 5, 64, 7, 7)
    for seed in range(2):
        pooled = maps[seed].mean((2, 3))
        hidden = (pooled @ gate.first.weight[seed] + gate.first.bias[seed]).clamp_min(0)
        factors = 1 / (1 + (-(hidden @ gate.second.weight[seed] + gate.second.bias[seed])).exp())
        expected = (maps[seed] * factors[:, :, None, None]).mean((2, 3))
        found = gate(maps.mean((3, 4)))[seed]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
        assert (found - pooled).abs().max() > 0.1
