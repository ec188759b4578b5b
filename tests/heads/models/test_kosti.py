"""Kosti et al.'s head as published, for several labels and dimensions, and with one of its streams."""

from typing import Any

import pytest
import torch

from heads.blocks.categories import Categories
from heads.head import DIMENSIONS, FLAGS, Taught
from heads.learning.training import recipe
from heads.models.kosti import Model
from heads.protocols.one_shot import Protocol

SIZES = {FLAGS: 4, DIMENSIONS: 3}


def made(**values: Any) -> Model:
    found: Any = recipe(Model, Protocol, values, "test")
    return Model(found, dict.fromkeys(Model.inputs_of(found), 5), SIZES, (0, 3)).double()


@pytest.mark.parametrize(
    ("only", "inputs"),
    [("both", ("scene/pooled", "body50/pooled")), ("body", ("body50/pooled",)), ("scene", ("scene/pooled",))],
)
def test_one_stream_may_be_left_out(only: str, inputs: tuple[str, ...]) -> None:
    head = made(only=only, body="body50", extra="clip")
    assert head.inputs == (*inputs, "clip/pooled")
    assert head.fusion.weight.shape[1:] == (5 * len(head.inputs), 256)


def test_as_published_it_learns_by_weighted_squares_and_the_margin_on_the_scale_of_ten() -> None:
    head = made(loss="weighted_l2", weights="batch", dimensions_loss="margin_euclidean", dimensions_scale=10.0)
    flags = torch.tensor([[1.0, 0, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]], dtype=torch.float64)
    levels = torch.tensor([[0.1, 0.2, 0.3], [0.5, 0.5, torch.nan], [1, 0.9, 0.7]], dtype=torch.float64)
    head.learn_from(Taught([*"abcd"], {FLAGS: flags, DIMENSIONS: levels}))
    draw = torch.Generator().manual_seed(0)
    output = head({name: torch.randn(2, 3, 5, generator=draw, dtype=torch.float64) for name in head.inputs})
    assert output.logits is not None
    assert output.dimensions is not None
    terms = head.terms(output, {FLAGS: flags.expand(2, -1, -1), DIMENSIONS: levels.expand(2, -1, -1)})
    raw = [1 / 3, 1, 1, 1]
    for seed in range(2):
        squares = [
            sum(raw[c] / sum(raw) * (x - y) ** 2 for c, (x, y) in enumerate(zip(*pair, strict=True)))
            for pair in zip(output.logits[seed].tolist(), flags.tolist(), strict=True)
        ]
        errors = (10 * (output.dimensions[seed] - levels)).abs().flatten().tolist()
        known = [error**2 if error >= 1 else 0 for error in errors if error == error]
        assert float(terms["class"][seed].detach()) == pytest.approx(sum(squares) / 3)
        assert float(terms["dimensions"][seed].detach()) == pytest.approx(sum(known) / 8)
    assert isinstance(head.categories, Categories)
