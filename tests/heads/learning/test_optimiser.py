"""The streamed, fused step against autograd and torch.optim."""

import copy
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heads.blocks.label_graph import GraphLayer, LabelGraph
from heads.blocks.layers import BatchNorm, Linear, generators, learned
from heads.learning.optimiser import Optimiser
from heads.learning.rules import SGD, Adam, RMSprop, Rule

SEEDS = (0, 1, 2)


class Small(nn.Module):
    """Two layers, the first used twice, one without any part in the loss, and parameters of other kinds."""

    def __init__(self) -> None:
        super().__init__()
        draws = generators(SEEDS)
        self.first, self.second, self.idle = Linear(5, 5, draws), Linear(5, 3, draws), Linear(5, 4, draws)
        self.norm, self.scale = BatchNorm(5, len(SEEDS)), nn.Parameter(torch.ones(7))

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, 5). Returns (S, B, 3)."""
        result: Tensor = self.second(self.norm(self.first(torch.tanh(self.first(x))))) * self.scale.sum()
        return result


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 2e-4)])
@pytest.mark.parametrize(
    ("rule", "torchs", "lr"),
    [
        (RMSprop(), torch.optim.RMSprop, 3.5e-3),
        (RMSprop(weight_decay=0.1), partial(torch.optim.RMSprop, weight_decay=0.1), 3.5e-3),
        (Adam(), torch.optim.Adam, 3.5e-3),
        (Adam(weight_decay=0.1), partial(torch.optim.Adam, weight_decay=0.1), 3.5e-3),
        (SGD(), torch.optim.SGD, 1e-4),
        (SGD(weight_decay=0.1, momentum=0.9), partial(torch.optim.SGD, weight_decay=0.1, momentum=0.9), 1e-4),
    ],
)
def test_steps_equal_torchs_with_its_step_schedule(
    rule: Rule, torchs: Callable[..., torch.optim.Optimizer], lr: float, dtype: torch.dtype, tolerance: float
) -> None:
    ours = Small().to(dtype)
    plain = copy.deepcopy(ours)
    reference = torchs(plain.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.StepLR(reference, step_size=10, gamma=0.1)
    draw = torch.Generator().manual_seed(0)
    start = copy.deepcopy(ours.state_dict())
    with Optimiser(ours, lr, rule) as optimiser:
        for number in range(40):
            optimiser.lr = lr * 0.1 ** (number // 10)
            x, aim = (torch.randn(len(SEEDS), 6, width, generator=draw, dtype=dtype) for width in (5, 3))
            optimiser.step((ours(x) - aim).square().sum())
            reference.zero_grad()
            (plain(x) - aim).square().sum().backward()
            reference.step()
            schedule.step()
            for (name, one), two in zip(ours.named_parameters(), plain.parameters(), strict=True):
                torch.testing.assert_close(
                    one, two, rtol=tolerance, atol=tolerance, msg=f"{name} differs in step {number}"
                )
    assert not torch.equal(ours.first.weight, start["first.weight"])
    assert torch.equal(ours.idle.weight, start["idle.weight"])


def test_layers_give_gradients_again_once_the_optimiser_is_done() -> None:
    module = Small()
    with Optimiser(module, lr=0.1) as optimiser:
        optimiser.step(module(torch.randn(3, 4, 5)).sum())
    assert module.first.weight.grad is None
    module(torch.randn(3, 4, 5)).sum().backward()
    assert module.first.weight.grad is not None


class Chain(nn.Module):
    """Two layers with something between them."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.between = between
        self.first, self.second = Linear(5, 6, generators(SEEDS)), Linear(6, 3, generators(SEEDS))

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, 5). Returns (S, B, 3)."""
        result: Tensor = self.second(self.between(self.first(x)))
        return result


def check_against_torch(ours: nn.Module, steps: int = 20) -> None:
    plain = copy.deepcopy(ours)
    reference = torch.optim.RMSprop([one for one in plain.parameters() if one.requires_grad], lr=1e-2)
    draw = torch.Generator().manual_seed(0)
    with Optimiser(ours, lr=1e-2) as optimiser:
        for _ in range(steps):
            x, aim = (torch.randn(len(SEEDS), 6, width, generator=draw, dtype=torch.float64) for width in (5, 3))
            optimiser.step((ours(x) - aim).square().sum())
            reference.zero_grad()
            (plain(x) - aim).square().sum().backward()
            reference.step()
    for (name, one), two in zip(ours.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize("between", [partial(F.relu, inplace=True), lambda x: x.mul_(3), lambda x: x.sigmoid_()])
def test_a_layers_output_may_be_changed_in_place(between: Callable[[Tensor], Tensor]) -> None:
    check_against_torch(Chain(between).double())


def test_what_needs_no_gradient_stays_as_it_is() -> None:
    for names in (["first.weight"], ["first.bias"], ["first.weight", "first.bias"], ["second.weight", "second.bias"]):
        chain = Chain(torch.relu).double()
        for name in names:
            chain.get_parameter(name).requires_grad_(False)
        start = copy.deepcopy(chain.state_dict())
        check_against_torch(chain)
        changed = {name for name, value in chain.state_dict().items() if not torch.equal(value, start[name])}
        assert changed == set(start) - set(names)


class Graph(nn.Module):
    """A layer without offset on numbers that need no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = GraphLayer(5, 3, generators(SEEDS))

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, 5). Returns (S, B, 3)."""
        result: Tensor = self.layer(torch.ones(len(SEEDS), 6, 6, dtype=x.dtype).tril(), x)
        return result


def test_a_label_graphs_weights_are_streamed_though_nothing_else_of_it_is_trained() -> None:
    graph = Graph().double()
    start = graph.layer.weight.clone()
    check_against_torch(graph)
    assert not torch.equal(graph.layer.weight, start)
    with Optimiser(graph, lr=1e-2) as optimiser:
        assert optimiser.layers == [graph.layer]


class Beside(nn.Module):
    """Numbers as they are on both sides of what layers make of them; layers and a label graph on all of them."""

    def __init__(self, labels: int, hidden: int, own: int) -> None:
        super().__init__()
        draws = generators(SEEDS)
        self.own = nn.ModuleList(Linear(5, width, draws) for width in (2, own))
        self.layer, self.last = Linear(22 + own, 256, draws), Linear(256, labels, draws)
        settings = SimpleNamespace(words="", tau=0.4, p=0.25, graph_hidden=hidden)
        self.graph = LabelGraph(settings, labels, 22 + own, draws, slope=0.2)

    def forward(self, x: Tensor) -> Tensor:
        """x: (S, B, 5). Returns (S, B, C)."""
        parts = [x, self.own[0](x), x, self.own[1](x), x, x]
        assert learned(parts) == slice(5, 12 + parts[3].shape[2])
        joined = torch.cat(parts, 2)
        result: Tensor = self.last(self.layer(joined, learned(parts))) + self.graph(joined, learned(parts))
        return result


@pytest.mark.parametrize(
    ("labels", "hidden", "own"),
    [(3, 4, 2), (7, 4, 2), (7, 1024, 505)],
    ids=["a row a label", "a row a sample", "large weights"],
)
def test_gradients_are_made_of_the_columns_that_want_one(labels: int, hidden: int, own: int) -> None:
    """In either of the graph's orders: with 6 samples, 3 labels are fewer than 6 * (2 + 9 / 24) / 3, and 7 more than
    6 * (2 + 512 / 527) / 3."""
    module = Beside(labels, hidden, own).double()
    plain = copy.deepcopy(module)
    reference = torch.optim.RMSprop(plain.parameters(), lr=1e-2)
    draw = torch.Generator().manual_seed(0)
    with Optimiser(module, lr=1e-2) as optimiser:
        for _ in range(5):
            x, aim = (torch.randn(len(SEEDS), 6, width, generator=draw, dtype=torch.float64) for width in (5, labels))
            loss = (module(x) - aim).square().sum()
            found = optimiser.differentiate(loss)
            taps = found[0][optimiser.layers.index(module.graph.second)]
            assert [one.shape[1] for one, _ in taps] == [6 if labels == 7 else labels]
            optimiser.update(found)
            reference.zero_grad()
            (plain(x) - aim).square().sum().backward()
            reference.step()
    for (name, one), two in zip(module.named_parameters(), plain.named_parameters(), strict=True):
        torch.testing.assert_close(one, two[1], rtol=1e-9, atol=1e-9, msg=name)


def test_nothing_is_learned_before_cached_features() -> None:
    assert learned([torch.ones(1, 2, 3), torch.ones(1, 2, 4)]) == slice(0, 0)


def test_an_input_that_is_changed_after_its_use_is_refused() -> None:
    chain = Chain(torch.relu)
    with Optimiser(chain, lr=0.1) as optimiser:
        x = torch.randn(len(SEEDS), 6, 5)
        loss = chain(x).sum()
        x.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            optimiser.step(loss)
