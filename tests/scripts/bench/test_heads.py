"""The benchmark's floor counts what torch counts."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cache import plugins
from scripts.bench.heads_floor import flops, weights
from scripts.bench.heads_runs import WIDTHS, alternately, head_of, verdict


@pytest.mark.parametrize("name", [name for name in plugins.names("heads.models") if name.endswith("_dml")])
def test_flops_of_a_step_are_those_that_torch_counts(name: str) -> None:
    head, _ = head_of([0], name)
    features = {key: torch.randn(1, 32, WIDTHS[key]) for key in head.inputs}
    with FlopCounterMode(display=False) as counter:
        head(features).logits.sum().backward()
    assert flops(head) == counter.get_total_flops()


def test_weights_by_hand() -> None:
    layers = [(512, 512), (512, 512), (150, 256), (256, 512), (1536, 512), (512, 128), (128, 6)]
    assert weights(head_of([0])[0]) == sum(i * o + o for i, o in layers) + 2 * 256


def test_verdicts_take_the_median_round_and_tell_the_quickest() -> None:
    assert verdict([3.0, 4.0, 9.0], [1.0, 2.0, 3.0], 3.0) == {
        "ratio": 3.0,
        "of_quickest_rounds": 3.0,
        "spread": [2.0, 3.0],
        "goal": 3.0,
        "met": True,
    }
    assert not verdict([2.0], [1.0], 1.6, most=True)["met"]


def test_runs_take_turns_after_one_round_that_does_not_count() -> None:
    told: list[str] = []
    seconds = alternately({"a": lambda: told.append("a"), "b": lambda: told.append("b")}, 2)
    assert told == ["a", "b"] * 3
    assert {name: len(row) for name, row in seconds.items()} == {"a": 2, "b": 2}
