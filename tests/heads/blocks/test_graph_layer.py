"""Graph layers by loops; the graph of the people of an image by hand."""

import math

import pytest
import torch

from heads.blocks.graph_layer import GraphLayer, normalised, proximity, skeleton
from heads.blocks.layers import generators


def test_a_graph_layer_sums_the_mapped_neighbours_of_each_seed() -> None:
    layer, draw = GraphLayer(3, 2, generators((0, 5))).double(), torch.Generator().manual_seed(1)
    nodes = torch.randn(2, 4, 5, 3, dtype=torch.float64, generator=draw)
    shared = torch.rand(5, 5, dtype=torch.float64, generator=draw)
    own = torch.rand(2, 4, 5, 5, dtype=torch.float64, generator=draw)
    made, apart = layer(nodes, shared), layer(nodes, own)
    weight, bias = layer.linear.weight, layer.linear.bias
    for seed in range(2):
        for person in range(4):
            mapped = [nodes[seed, person, node] @ weight[seed] + bias[seed, 0] for node in range(5)]
            for node in range(5):
                expected = sum(shared[node, other] * mapped[other] for other in range(5))
                torch.testing.assert_close(made[seed, person, node], expected)
                expected = sum(own[seed, person, node, other] * mapped[other] for other in range(5))
                torch.testing.assert_close(apart[seed, person, node], expected)


def test_the_skeleton_is_a_tree_of_all_joints() -> None:
    joined = skeleton() > 0
    assert joined.sum() == 25 + 2 * 24
    reached = torch.linalg.matrix_power(joined.double(), 24)
    assert (reached > 0).all()
    neck, nose = skeleton()[1], skeleton()[0]
    assert neck.nonzero().flatten().tolist() == [0, 1, 2, 5, 8]
    assert neck[0] == pytest.approx(1 / math.sqrt(5 * 4))  # nose: itself, the neck, two eyes
    assert nose[0] == pytest.approx(1 / 4)


def test_people_are_joined_by_how_near_they_are() -> None:
    """Centres at (10, 20), (40, 60) and (10, 620): 50, 600 and about 561 pixels apart; the fourth place is empty."""
    boxes = torch.tensor([[0, 10, 20, 30], [30, 50, 50, 70], [0, 600, 20, 640], [0, 0, 0, 0]]).float()[None, None]
    nodes, joined = proximity(boxes, 100.0, 5.0)
    torch.testing.assert_close(nodes[0, 0], torch.tensor([[0, 0], [0.3, 0.4], [0, 6], [0, 0]]))
    near = math.exp(-0.5)
    expected = torch.zeros(4, 4)
    expected[0, 0] = expected[1, 1] = 1 / (1 + near)
    expected[0, 1] = expected[1, 0] = near / (1 + near)
    expected[2, 2] = 1
    torch.testing.assert_close(joined[0, 0], expected)


def test_nobody_s_row_is_zero_and_not_a_division_by_zero() -> None:
    torch.testing.assert_close(normalised(torch.zeros(2, 2)), torch.zeros(2, 2))
