"""The graph network's parts against loops: neighbours, a unit of one seed, its gradients, moving cameras."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cache.errors import ConfigError
from heads.blocks import moving, skeleton
from heads.blocks.draws import Draws
from heads.blocks.graph_unit import GraphUnit
from heads.blocks.layers import generators
from heads.head import DIMENSIONS, FLAGS
from heads.learning.training import recipe
from heads.models.st_gcn import Model
from heads.protocols.one_shot import Protocol

SEEDS = (2, 7)


def build(**values: Any) -> Model:
    few = {"units": "4,4,6", "dropout": 0} | values
    settings: Any = recipe(Model, Protocol, few, "test")
    return Model(settings, {"joints/normalised": (6, 18, 3)}, {FLAGS: 3, DIMENSIONS: 3}, SEEDS).double()


def test_neighbours_are_told_apart_as_equation_5_11_says() -> None:
    far = skeleton.hops()
    assert [far[joint] for joint in (1, 0, 2, 5, 8, 11, 3, 4, 14, 16, 10)] == [0, 1, 1, 1, 1, 1, 2, 3, 2, 3, 3]
    bones = {frozenset(bone) for bone in skeleton.BONES}
    assert len(bones) == 17
    for labelling, kinds in (("uniform", 1), ("distance", 2), ("spatial", 3)):
        found = skeleton.parts(labelling)
        assert found.shape == (kinds, 18, 18)
        for i in range(18):
            for j in range(18):
                near = i == j or frozenset((i, j)) in bones
                kind = 0
                if labelling == "distance":
                    kind = int(i != j)
                elif labelling == "spatial" and far[i] != far[j]:
                    kind = 1 if far[j] < far[i] else 2
                assert found[:, i, j].tolist() == [float(near and k == kind) for k in range(kinds)]


def test_the_adjacency_of_one_kind_is_equation_5_12() -> None:
    whole = skeleton.parts("uniform")[0]
    scale = torch.diag((whole.sum(1) + 0.001) ** -0.5)
    torch.testing.assert_close(skeleton.adjacency("uniform")[0], scale @ whole @ scale)
    assert all(skeleton.adjacency(word).max() <= 1 for word in ("uniform", "distance", "spatial"))


@pytest.mark.parametrize(("inputs", "stride"), [(4, 1), (3, 2)])
def test_a_unit_is_a_loop_over_kinds_joints_and_frames(inputs: int, stride: int) -> None:
    adjacency = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(0)).double()
    unit = GraphUnit(inputs, 4, adjacency, generators(SEEDS), 3, stride, 0.5).double().eval()
    unit.importance.data += torch.rand(unit.importance.shape, generator=torch.Generator().manual_seed(1)) - 0.5
    x = torch.randn(2, 3, inputs, 6, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = unit(x, Draws(SEEDS))
    for seed in range(2):
        weight = unit.spatial.weight[seed, :, :, 0, 0].view(2, 4, inputs)
        bias = unit.spatial.bias[seed].view(2, 4)
        spatial = torch.zeros(3, 4, 6, 5, dtype=torch.float64)
        for k in range(2):
            for i in range(5):
                for j in range(5):
                    edge = adjacency[k, i, j] * unit.importance[seed, k, i, j]
                    told = torch.einsum("ci,bit->bct", weight[k], x[seed, :, :, :, j]) + bias[k][:, None]
                    spatial[:, :, :, i] += edge * told
        hidden = F.relu(spatial / math.sqrt(1 + 1e-5))
        out = F.conv2d(hidden, unit.temporal.weight[seed], None, (stride, 1), (1, 0)) / math.sqrt(1 + 1e-5)
        short = x[seed]
        if unit.short is not None:
            short = F.conv2d(x[seed], unit.short[0].weight[seed], None, (stride, 1)) / math.sqrt(1 + 1e-5)
        torch.testing.assert_close(found[seed], F.relu(out + short))


def test_its_gradients_are_finite_differences() -> None:
    head = build(moving=False).eval()
    joints = torch.rand(2, 2, 6, 18, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert isinstance(head.units[1], GraphUnit)
    edge = head.units[1].importance

    def value(importance: Tensor) -> Tensor:
        swapped = {"units.1.importance": importance}
        out = torch.func.functional_call(head, swapped, ({"joints/normalised": joints},))
        return out.logits.square().sum() + out.dimensions.sum()

    at = edge.detach().clone().requires_grad_()
    value(at).backward()
    assert at.grad is not None
    for place in ((0, 1, 0, 1), (1, 2, 1, 8), (0, 0, 3, 3)):
        step = torch.zeros_like(edge)
        step[place] = 1e-6
        difference = (value(edge + step) - value(edge - step)) / 2e-6
        torch.testing.assert_close(at.grad[place], difference.detach(), rtol=1e-5, atol=1e-7)


def test_strides_halve_the_frames_where_channels_change_and_the_published_size_stands() -> None:
    settings: Any = recipe(Model, Protocol, {}, "test")
    head = Model(settings, {"joints/normalised": (16, 18, 3)}, {FLAGS: 26, DIMENSIONS: 3}, (0,))
    assert [unit.temporal.stride for unit in head.units] == [(1, 1)] * 3 + [(2, 1)] + [(1, 1)] * 2 + [(2, 1)] + [
        (1, 1)
    ] * 2
    assert [unit.temporal.weight.shape[1:] for unit in head.units][::4] == [
        (64, 64, 9, 1),
        (128, 128, 9, 1),
        (256, 256, 9, 1),
    ]
    assert all(unit.dropout == 0.5 for unit in head.units)


def test_a_moving_camera_turns_scales_and_shifts_from_the_first_frame_to_the_last() -> None:
    joints = torch.rand(1, 1, 5, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    joints[..., :2] -= 0.5
    joints[0, 0, 2, 1] = 0
    still = torch.tensor([0.5] * 8, dtype=torch.float64).view(1, 1, 8)
    torch.testing.assert_close(moving.moved(joints, still), joints)
    chance = torch.tensor([0.99, 0.0, 0.0, 0.99, 0.0, 0.99, 0.5, 0.3], dtype=torch.float64).view(1, 1, 8)
    found = moving.moved(joints, chance)[0, 0]
    for frame in range(5):
        share = frame / 4
        angle = math.radians(10 + share * (-20))
        scale, right, down = 0.9 + share * 0.2, -0.2 + share * 0.2, 0.2 + share * (-0.3)
        for joint in range(3):
            x, y, score = joints[0, 0, frame, joint].tolist()
            wanted = [
                scale * (math.cos(angle) * x - math.sin(angle) * y) + right,
                scale * (math.sin(angle) * x + math.cos(angle) * y) + down,
                score,
            ]
            assert found[frame, joint].tolist() == pytest.approx(wanted if score else [0, 0, 0])


def test_a_frame_where_nobody_is_is_as_zeros_and_moving_is_of_training_alone() -> None:
    joints = torch.rand(2, 3, 6, 18, 3, dtype=torch.float64)
    gone, zeros = joints.clone(), joints.clone()
    gone[:, :, 2], zeros[:, :, 2] = torch.nan, 0
    head = build().eval()
    assert torch.equal(head({"joints/normalised": gone}).logits, head({"joints/normalised": zeros}).logits)
    assert torch.equal(head({"joints/normalised": joints}).logits, head({"joints/normalised": joints}).logits)
    head.train()
    assert not torch.equal(head({"joints/normalised": joints}).logits, head({"joints/normalised": joints}).logits)


def test_other_joints_and_an_even_kernel_are_refused_in_one_line() -> None:
    settings: Any = recipe(Model, Protocol, {}, "test")
    with pytest.raises(
        ConfigError, match=r"^joints/normalised: a row is \(6, 25, 3\); this head takes joints of clips"
    ):
        Model(settings, {"joints/normalised": (6, 25, 3)}, {FLAGS: 3}, SEEDS)
    with pytest.raises(ConfigError, match=r"^kernel = 4: it has a middle frame, so it is odd$"):
        build(kernel=4)


def test_dropout_is_each_seeds_own() -> None:
    unit = GraphUnit(3, 3, torch.eye(4)[None], generators(SEEDS), 3, 1, 0.5)
    x = torch.ones(1, 2, 3, 6, 4).expand(2, -1, -1, -1, -1)
    for parameter in unit.parameters():
        parameter.data.copy_(parameter[:1].expand_as(parameter))
    assert not torch.equal(*unit(x, Draws(SEEDS)))
    assert isinstance(unit.eval().norm, nn.Module)
    assert torch.equal(*unit(x, Draws(SEEDS)))
