"""The graph of labels against arithmetic by hand and a loop over labels, and its layers against plain matrices."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from heads.blocks.label_graph import LabelGraph, edges, normalised, reweighted
from heads.blocks.layers import generators
from heads.head import CLASS, FLAGS, Taught
from heads.inputs.words import companions

SEEDS = (0, 3, 7)
NAMES = ("a", "b", "c", "d")


def config(**values: object) -> SimpleNamespace:
    return SimpleNamespace(**{"words": "", "tau": 0.4, "p": 0.25, "graph_hidden": 5} | values)


def people(count: int = 40, labels: int = 4) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return (torch.rand(count, labels, generator=draw) < torch.linspace(0.8, 0.2, labels)).float()


def test_three_labels_by_hand() -> None:
    """Four people: ab, ab, a, c. P(b|a) = 2/3, P(a|b) = 1; c stands alone."""
    flags = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float32)
    shares = companions(flags).double()[None]
    only_a_of_b = torch.tensor([[[0, 0, 0], [1, 0, 0], [0, 0, 0]]], dtype=torch.float64)
    assert torch.equal(edges(shares, 0.7), only_a_of_b)
    assert torch.equal(edges(shares, 1.0), only_a_of_b)
    both = edges(shares, 2 / 3 - 1e-6)
    assert both.tolist() == [[[0, 1, 0], [1, 0, 0], [0, 0, 0]]]
    weights = reweighted(both, 0.2)
    torch.testing.assert_close(
        weights, torch.tensor([[[0.8, 0.2, 0], [0.2, 0.8, 0], [0, 0, 0.8]]], dtype=torch.float64)
    )
    expected = torch.tensor([[[0.8, 0.2, 0], [0.2, 0.8, 0], [0, 0, 1]]], dtype=torch.float64)
    torch.testing.assert_close(normalised(weights), expected)


def looped(flags: Tensor, tau: float, p: float, incoming: bool) -> list[list[float]]:
    """Ã, number by number: eq. 7 divides by the sum over a row of A; eq. 4.11 by that over a column, and Ã H then has
    to run along the columns, so that label m is given equal parts of all n with A[n][m]."""
    rows, count = flags.tolist(), flags.shape[1]
    having = [sum(row[i] for row in rows) for i in range(count)]
    chance = [[sum(row[i] * row[j] for row in rows) / max(having[i], 1) for j in range(count)] for i in range(count)]
    linked = [[float(chance[i][j] >= tau and i != j) for j in range(count)] for i in range(count)]
    made = [[0.0] * count for _ in range(count)]
    for i in range(count):
        for j in range(count):
            over = sum(linked[n][j] for n in range(count)) if incoming else sum(linked[i])
            made[i][j] = 1 - p if i == j else p * linked[i][j] / max(over, 1)
    if incoming:
        made = [[made[j][i] for j in range(count)] for i in range(count)]
    degree = [sum(row) for row in made]
    return [
        [made[i][j] / math.sqrt(degree[i] * degree[j]) if degree[i] and degree[j] else 0.0 for j in range(count)]
        for i in range(count)
    ]


@pytest.mark.parametrize("incoming", [False, True])
@pytest.mark.parametrize(("tau", "p"), [(0.4, 0.25), (0.2, 0.2), (0.7, 0.5), (0.0, 1.0), (1.0, 1.0), (0.5, 0.0)])
def test_the_graph_equals_a_loop(tau: float, p: float, incoming: bool) -> None:
    graph = LabelGraph(config(tau=tau, p=p), 4, 6, generators(SEEDS), incoming).double()
    graph.learn_from(Taught(NAMES, {FLAGS: people()}))
    expected = torch.tensor(looped(people(), tau, p, incoming), dtype=torch.float64)
    torch.testing.assert_close(graph.adjacency, expected.expand(3, 4, 4), rtol=0, atol=1e-6)


def test_the_two_papers_graphs_differ() -> None:
    rows, columns = (torch.tensor(looped(people(), 0.5, 0.25, incoming)) for incoming in (False, True))
    assert not torch.allclose(rows, columns)


def test_settings_that_train_together_have_a_graph_each() -> None:
    tau, p = (0.2, 0.4, 0.7), (0.25, 0.5, 0.25)
    graph = LabelGraph(config(tau=torch.tensor(tau), p=torch.tensor(p)), 4, 6, generators(SEEDS)).double()
    graph.learn_from(Taught(NAMES, {FLAGS: people()}))
    for seed in range(3):
        expected = torch.tensor(looped(people(), tau[seed], p[seed], False), dtype=torch.float64)
        torch.testing.assert_close(graph.adjacency[seed], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_layers_equal_plain_matrices_for_each_seed(slope: float) -> None:
    graph = LabelGraph(config(), 4, 6, generators(SEEDS), slope=slope).double()
    graph.learn_from(Taught(NAMES, {FLAGS: people()}))
    samples = torch.randn(3, 7, 6, dtype=torch.float64)
    found = graph(samples)
    for seed, number in enumerate(SEEDS):
        alone = LabelGraph(config(), 4, 6, generators([number]), slope=slope)
        assert torch.equal(alone.first.weight[0].double(), graph.first.weight[seed])
        assert 0.5 * 5**-0.5 < alone.first.weight.abs().max() <= 5**-0.5
        hidden = F.leaky_relu(graph.adjacency[seed] @ companions(people()).double() @ graph.first.weight[seed], slope)
        classifiers = graph.adjacency[seed] @ hidden @ graph.second.weight[seed]
        torch.testing.assert_close(found[seed], samples[seed] @ classifiers.T)


def test_classes_that_exclude_each_other_have_no_link() -> None:
    graph = LabelGraph(config(tau=0.0), 3, 6, generators(SEEDS))
    graph.learn_from(Taught([*NAMES, "unseen"], {CLASS: torch.tensor([0, 1, 1, 2])}))
    assert torch.equal(graph.vectors, torch.eye(3).expand(3, 3, 3))
    graph = LabelGraph(config(tau=0.1), 3, 6, generators(SEEDS))
    graph.learn_from(Taught([*NAMES, "unseen"], {CLASS: torch.tensor([0, 1, 1, 2])}))
    torch.testing.assert_close(graph.adjacency, torch.eye(3).expand(3, 3, 3))
